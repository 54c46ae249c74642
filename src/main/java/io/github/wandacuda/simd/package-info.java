/** The vector shape that the kernels on the Vector API share, and how lanes are transposed. */
package io.github.wandacuda.simd;
