package io.github.wandacuda.backend.opencl;

import org.jocl.cl_kernel;

/**
 * A kernel that can be launched. Its arguments are set while its lock is held.
 *
 * @param name its name in the program
 * @param handle the driver's, released with the programs
 * @param items work-items of a group that it is built for, a power of two
 * @param localBytes bytes of local memory that it uses without its arguments
 */
record OpenClKernel(String name, cl_kernel handle, int items, long localBytes) {}
