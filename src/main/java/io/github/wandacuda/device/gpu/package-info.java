/** A GPU as a backend, through any driver. */
package io.github.wandacuda.device.gpu;
