/**
 * What {@code bench/compare.sh} runs: each row of the table of speeds in a JVM of its own, beside a
 * plain copy, PyTorch, OpenBLAS or {@code cp}, in turns.
 */
package io.github.wandacuda.bench.compare;
