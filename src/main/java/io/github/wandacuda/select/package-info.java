/**
 * Selection, the pruning half of a backend: which weights of a matrix are pruned, by what rule,
 * given a norm for each column.
 */
package io.github.wandacuda.select;
