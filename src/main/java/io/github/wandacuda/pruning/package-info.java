/**
 * A module pruned: tile by tile on a backend, or as a whole layer by its second moments; what its
 * tiles are read from and written to; and a look at a module's scores and zeros.
 */
package io.github.wandacuda.pruning;
