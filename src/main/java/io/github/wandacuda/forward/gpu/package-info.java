/** The forward operations on a GPU: tensors and weights in its memory, and the order of work. */
package io.github.wandacuda.forward.gpu;
