/**
 * The CUDA backend: NVIDIA's driver API over JCuda, and launchers of the kernels under {@code
 * kernels}. It needs only the NVIDIA driver; cuBLAS is used if it is present.
 */
package io.github.wandacuda.backend.cuda;
