/**
 * The forward operations on the Vector API, a class for each that gains by it, and the register
 * tiles of linear layers and attention.
 *
 * <p>Inside a loop over vectors no method of this package has a vector as argument or result,
 * unless it is small enough to be inlined. The JIT always inlines the Vector API's own methods, but
 * ours only while the caller is small, and a vector that crosses a real call becomes an object on
 * the heap, which is slower by two orders of magnitude.
 */
package io.github.wandacuda.forward.simd;
