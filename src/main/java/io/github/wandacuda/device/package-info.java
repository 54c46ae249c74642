/**
 * What the GPU backends share with their drivers: memory, queues and the kernels to launch, as
 * interfaces over a narrow device.
 */
package io.github.wandacuda.device;
