/**
 * What a run was asked and what it leaves: requests, the modules and rules that they mean for a
 * model, results, {@code wanda-cuda.json}, and the digests by which sources and outputs are known.
 */
package io.github.wandacuda.job.record;
