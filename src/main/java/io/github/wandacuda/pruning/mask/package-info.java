/**
 * From scores to masks: a weight matrix cut into tiles of whole rows, the scores that no backend's
 * kernel has, thresholds over many rows, and masks packed in memory and in files.
 */
package io.github.wandacuda.pruning.mask;
