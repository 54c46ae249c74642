/**
 * Scores of a row as integer keys in vectors, the passes that count and mark them, the mask bits
 * that they become, and the ties among them.
 *
 * <p>In a loop over vectors no method of this package takes or returns one: the JIT inlines the
 * Vector API's own methods wherever they are called, but ours only while the caller is small, and a
 * vector that crosses a real call becomes an object on the heap, which is slower by two orders of
 * magnitude.
 */
package io.github.wandacuda.select.simd.keys;
