package io.github.wandacuda.job.module;

import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.MemorySegment;

/**
 * A module that is to be pruned.
 *
 * @param module which
 * @param norms the norm of each input column, or null to score by magnitude
 * @param memory room for the whole pruned weight if it is to be kept, or null
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
public record ModuleRequest(LinearModule module, float[] norms, MemorySegment memory) {}
