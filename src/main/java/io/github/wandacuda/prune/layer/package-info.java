/**
 * Pruning of whole modules by methods that need more than a row and its norms: a mask is chosen,
 * improved, and the kept weights are fitted.
 */
package io.github.wandacuda.prune.layer;
