/**
 * The OpenCL backend: OpenCL over JOCL, and launchers of the kernels under {@code kernels}, which
 * are compiled on the machine on which they run.
 */
package io.github.wandacuda.backend.opencl;
