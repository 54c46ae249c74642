/** The modules of a run, and their tiles in the files that hold them. */
package io.github.wandacuda.job.module;
