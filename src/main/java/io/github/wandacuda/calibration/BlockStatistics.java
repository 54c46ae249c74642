package io.github.wandacuda.calibration;

import java.util.Map;

/**
 * What a block's linear modules read while the samples ran through the block. Modules that read the
 * same input share its norms and its second moments, as objects too. For a module that no token
 * reached, such as an expert, both are zeros.
 *
 * @param norms the norms of the input columns, by module
 * @param grams the second moments of the inputs, by module; valid as long as the memory that they
 *     were asked to be in
 * @param tokens how many tokens reached a module, where second moments were asked for
 * @param missing for each output projection, the moments of its inputs and of what the states
 *     before the block lack beside the dense model's, where that was asked for; valid as long as
 *     the second moments
 */
public record BlockStatistics(
    Map<String, float[]> norms,
    Map<String, Gram> grams,
    Map<String, Long> tokens,
    Map<String, OutputMoments> missing) {}
