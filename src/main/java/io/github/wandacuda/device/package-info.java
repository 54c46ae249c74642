/**
 * GPUs as this program uses them: the interfaces to devices, memory, queues and kernels, and two
 * drivers, NVIDIA's driver API over JCuda and OpenCL over JOCL.
 */
package io.github.wandacuda.device;
