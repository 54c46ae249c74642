/** The merge of an adapter into a pruned model, zeros kept. */
package io.github.wandacuda.job.merge;
