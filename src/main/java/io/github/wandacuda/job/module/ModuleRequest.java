package io.github.wandacuda.job.module;

import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.MemorySegment;

/**
 * A request to prune a module.
 *
 * @param module the module
 * @param norms the norm of each input column, or null to score by magnitude
 * @param memory memory for the whole pruned weight if it is needed afterwards, or null
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
public record ModuleRequest(LinearModule module, float[] norms, MemorySegment memory) {}
