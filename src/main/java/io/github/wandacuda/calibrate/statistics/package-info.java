/** Activation statistics in files: our own, and those of llama.cpp's imatrix tool. */
package io.github.wandacuda.calibrate.statistics;
