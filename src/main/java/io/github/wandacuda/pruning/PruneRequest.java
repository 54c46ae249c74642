package io.github.wandacuda.pruning;

import io.github.wandacuda.model.ModuleChoice;
import java.nio.file.Path;

/**
 * What a run of {@code prune} is to do.
 *
 * @param output where the pruned model goes: a directory that doesn't exist yet or is empty
 * @param method how weights are scored
 * @param sparsity how much goes
 * @param choice which modules
 * @param calibration where the norms come from
 * @param verify whether the written output is checked before it is declared finished
 */
public record PruneRequest(
    Path output,
    Method method,
    Sparsity sparsity,
    ModuleChoice choice,
    Calibration calibration,
    boolean verify) {}
