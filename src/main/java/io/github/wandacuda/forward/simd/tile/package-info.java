/** Matrix products in tiles whose sums stay in registers, and how their operands are packed. */
package io.github.wandacuda.forward.simd.tile;
