/**
 * The OpenCL backend: launchers of the kernels under {@code kernels}, which are compiled on the
 * machine that they run on.
 */
package io.github.wandacuda.device.opencl;
