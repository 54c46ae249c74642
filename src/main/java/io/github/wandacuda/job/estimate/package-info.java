/** What a run needs of disk and memory, checked before it begins, and how long it will take. */
package io.github.wandacuda.job.estimate;
