/**
 * Samples for calibration, runs of them through a decoder block by block, the statistics of its
 * activations in files, this program's own and llama.cpp's, and perplexity.
 */
package io.github.wandacuda.calibration;
