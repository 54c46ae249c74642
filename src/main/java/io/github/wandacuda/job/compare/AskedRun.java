package io.github.wandacuda.job.compare;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import java.util.Optional;
import java.util.function.Function;

/**
 * A run of a comparison, by what it is known again when the comparison goes on.
 *
 * @param label what people call it
 * @param sparsity how much goes, unless a recipe says it
 * @param files the SHA-256 of the files that say what is done, or null if there are none
 * @param way shares the total out over blocks, and says how to prune
 */
public record AskedRun(
    String label,
    Optional<Sparsity> sparsity,
    String files,
    Function<Progress, Comparison.Way> way) {}
