/**
 * Products of one to a few rows with a sparse matrix, whose values are spread over the columns of a
 * vector by the bits that say where they belong.
 */
package io.github.wandacuda.forward.simd.sparse;
