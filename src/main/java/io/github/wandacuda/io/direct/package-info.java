/** Reads and writes of large files from and to the device, past the page cache. */
package io.github.wandacuda.io.direct;
