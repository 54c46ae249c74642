/** Files of activation statistics: this program's own and those of llama.cpp's imatrix tool. */
package io.github.wandacuda.calibrate.statistics;
