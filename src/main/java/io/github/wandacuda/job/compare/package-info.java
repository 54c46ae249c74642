/**
 * A comparison in parts: the dense model and each way of pruning it, measured one after the other
 * in this process, or by a cluster.
 */
package io.github.wandacuda.job.compare;
