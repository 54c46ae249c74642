package io.github.wandacuda.pruning;

import io.github.wandacuda.calibration.Gram;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is known of a module beside its weights.
 *
 * @param norms the norm of each input column, or null
 * @param gram the second moments of its inputs, or null
 * @param tokens how many tokens these are of, 0 if that isn't known
 * @param mask writes the module's packed mask, if that is given
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
public record LayerInputs(
    float[] norms, Gram gram, long tokens, Optional<Consumer<MemorySegment>> mask) {}
