/** Samples for calibration, their way through a decoder block by block, and perplexity. */
package io.github.wandacuda.calibrate;
