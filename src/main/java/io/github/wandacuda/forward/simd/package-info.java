/**
 * The forward operations on the Vector API, one class for each that gains by it, and the register
 * tiles that linear layers and attention are made of.
 *
 * <p>In a loop over vectors no method of this package takes or returns one: the JIT inlines the
 * Vector API's own methods wherever they are called, but ours only while the caller is small, and a
 * vector that crosses a real call becomes an object on the heap, which is slower by two orders of
 * magnitude.
 */
package io.github.wandacuda.forward.simd;
