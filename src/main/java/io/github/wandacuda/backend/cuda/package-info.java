/**
 * The CUDA backend: the kernels under {@code kernels}, launched through the driver API with JCuda.
 * The NVIDIA driver is all that it needs; cuBLAS is used where it is.
 */
package io.github.wandacuda.backend.cuda;
