/**
 * Selection on the Vector API. Its three packages hold the scores' keys, what prunes whole rows and
 * what prunes groups; this one chooses among them.
 */
package io.github.wandacuda.select.simd;
