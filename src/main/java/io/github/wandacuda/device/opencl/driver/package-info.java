/** OpenCL as this program uses it, over JOCL: platforms, memory, programs and their cache. */
package io.github.wandacuda.device.opencl.driver;
