/**
 * What the measurements need of a device beyond what backends share. Each backend's package has a
 * class that implements it, since kernels are visible only there.
 */
package io.github.wandacuda.bench.device;
