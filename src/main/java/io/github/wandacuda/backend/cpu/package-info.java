/** The CPU as a backend, and the choice between its scalar and its vector kernels. */
package io.github.wandacuda.backend.cpu;
