/**
 * NVIDIA's driver API as this program uses it: contexts, memory, modules, copies and launch
 * arguments.
 */
package io.github.wandacuda.device.cuda.driver;
