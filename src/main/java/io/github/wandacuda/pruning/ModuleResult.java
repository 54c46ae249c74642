package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;

/**
 * What became of a module.
 *
 * @param module which
 * @param pruned weights that the mask takes out
 * @param zeros weights of the result that are zero
 * @param norms the norm of each input column that was used, or null
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
public record ModuleResult(LinearModule module, long pruned, long zeros, float[] norms) {}
