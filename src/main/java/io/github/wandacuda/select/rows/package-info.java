/**
 * The search for the k lowest scores of a whole row, which scores few rows in full.
 *
 * <p>What is here is plain code that calls passes over vectors ({@code select.simd.keys}). It has a
 * package of its own because the program has the JVM compile what is below a package called {@code
 * simd} early, while its callers wait. That pays for a loop over vectors. For the code around it,
 * which takes longer to compile, it doesn't: pruning 3 GiB took 3.3 s with it and 3.1 s without.
 */
package io.github.wandacuda.select.rows;
