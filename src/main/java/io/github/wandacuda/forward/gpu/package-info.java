/** The forward operations on a GPU: tensors and weights in its memory, and the queued work. */
package io.github.wandacuda.forward.gpu;
