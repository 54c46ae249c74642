/**
 * The kernels on the Vector API, where it gains: operations on elements, keys of scores and N:M
 * groups, register tiles of linear layers and attention, sparse rows, layer-wise pruning, packing.
 *
 * <p>Inside a loop over vectors no method of this package takes or returns one, unless it is small
 * enough to be inlined. The JIT always inlines the Vector API's own methods, but ours only while
 * the caller is small, and a vector that crosses a real call becomes an object on the heap, which
 * is slower by two orders of magnitude.
 *
 * <p>The program has the JVM compile this package early, while its callers wait. That pays for a
 * loop over vectors; for the code around it, which takes longer to compile, it doesn't: pruning 3
 * GiB took 3.3 s with that code in here and 3.1 s without. So what chooses kernels and searches
 * rows is in {@code backend.cpu}.
 */
package io.github.wandacuda.simd;
