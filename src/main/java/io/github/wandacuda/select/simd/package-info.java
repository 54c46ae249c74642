/**
 * Selection on the Vector API. Its packages hold the scores' keys and what prunes groups, {@code
 * select.rows} what prunes whole rows; this one chooses among them.
 */
package io.github.wandacuda.select.simd;
