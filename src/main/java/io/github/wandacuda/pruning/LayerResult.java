package io.github.wandacuda.pruning;

import java.util.Optional;

/**
 * What became of a module.
 *
 * @param pruned weights that the mask takes out
 * @param zeros weights of the result that are zero
 * @param zeroRows rows of the result that hold nothing but zeros
 * @param errors how far its outputs are off, where its second moments are known
 * @param warning what the user should know, such as that another method was taken
 */
public record LayerResult(
    long pruned,
    long zeros,
    int zeroRows,
    Optional<OutputErrors> errors,
    Optional<String> warning) {}
