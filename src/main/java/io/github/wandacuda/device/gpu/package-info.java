/** A GPU as a backend, over whatever driver opens the device. */
package io.github.wandacuda.device.gpu;
