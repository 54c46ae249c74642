/**
 * What the GPU backends share: host code over a narrow device, which {@code cuda} and {@code
 * opencl} implement. A backend brings a {@link io.github.wandacuda.backend.gpu.GpuDevice} with its
 * queues and kernels; tiling, staging, checks of shapes and the order of work are here, once.
 */
package io.github.wandacuda.backend.gpu;
