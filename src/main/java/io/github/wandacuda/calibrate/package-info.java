/** Samples for calibration, runs of them through a decoder block by block, and perplexity. */
package io.github.wandacuda.calibrate;
