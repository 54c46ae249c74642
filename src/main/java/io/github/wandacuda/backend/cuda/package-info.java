/**
 * The CUDA backend: launchers of the kernels under {@code kernels}, through the driver API with
 * JCuda. It needs only the NVIDIA driver; cuBLAS is used if it is present.
 */
package io.github.wandacuda.backend.cuda;
