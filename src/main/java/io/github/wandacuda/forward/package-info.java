/** The forward half of a backend: the operations that a decoder is assembled from. */
package io.github.wandacuda.forward;
