/** The modules of a run, and their tiles in files. */
package io.github.wandacuda.job.module;
