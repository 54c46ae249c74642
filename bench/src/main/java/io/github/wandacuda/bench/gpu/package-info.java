/**
 * What {@code bench/gpu/run.sh} runs on a machine with a GPU: the parity suite, the kernels against
 * the GPU's own copy bandwidth, whole runs on generated checkpoints, and the report of all of them.
 */
package io.github.wandacuda.bench.gpu;
