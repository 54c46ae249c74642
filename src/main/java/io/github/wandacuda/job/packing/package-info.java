/** Packing of a model directory, and back: every file of it, to the byte. */
package io.github.wandacuda.job.packing;
