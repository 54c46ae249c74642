/** Packing of a row on the Vector API. */
package io.github.wandacuda.packing.simd;
