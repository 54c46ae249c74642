/**
 * The CUDA backend: launchers of the kernels under {@code kernels}, through the driver API with
 * JCuda. The NVIDIA driver is all that it needs; cuBLAS is used where it is.
 */
package io.github.wandacuda.device.cuda;
