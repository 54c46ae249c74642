/** Packing of rows: a bitmask and the elements that it keeps, by the fastest code at hand. */
package io.github.wandacuda.packing;
