/**
 * The interfaces between the GPU backends' shared code and their drivers: devices, memory, queues
 * and kernels.
 */
package io.github.wandacuda.device;
