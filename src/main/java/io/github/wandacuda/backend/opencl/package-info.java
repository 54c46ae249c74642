/**
 * The OpenCL backend: devices, queues and programs over JOCL, and the launches of the kernels under
 * {@code kernels}, which are compiled on the machine that they run on.
 */
package io.github.wandacuda.backend.opencl;
