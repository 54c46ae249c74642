/**
 * What GPUs share as backends, whatever drives them: the interfaces to a device, its memory, its
 * queues and its kernels, and over these the selection, whose tiles travel through pinned memory to
 * the kernels and back while others are selected, and the forward operations.
 */
package io.github.wandacuda.backend.gpu;
