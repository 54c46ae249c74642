/** The forward half of a backend: the few operations that a decoder is assembled from. */
package io.github.wandacuda.forward;
