package io.github.wandacuda.job.record;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.Unreached;
import java.nio.file.Path;
import java.util.Set;

/**
 * What a run of {@code prune} is to do.
 *
 * @param output where the pruned model goes: a directory that doesn't exist yet or is empty, or
 *     that an earlier run has left if this one resumes
 * @param method how weights are scored
 * @param sparsity how much goes
 * @param choice which modules
 * @param calibration where the norms come from
 * @param verify whether the written output is checked before it is declared finished
 * @param resume whether to go on with an interrupted output
 * @param unreached what becomes of modules that no sample reached
 */
public record PruneRequest(
    Path output,
    Method method,
    Sparsity sparsity,
    ModuleChoice choice,
    Calibration calibration,
    boolean verify,
    boolean resume,
    Unreached unreached) {

  /** Returns what is done to the modules. */
  public PruningRules rules() {
    return new PruningRules(method, sparsity, unreached, Set.of());
  }
}
