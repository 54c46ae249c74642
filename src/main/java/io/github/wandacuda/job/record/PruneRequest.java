package io.github.wandacuda.job.record;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.Unreached;
import java.nio.file.Path;
import java.util.Set;

/**
 * A request for a run of {@code prune}.
 *
 * @param output the directory of the pruned model, which doesn't exist yet, is empty or, if this
 *     run resumes, was left by an interrupted run
 * @param method how weights are scored
 * @param sparsity how much is pruned
 * @param choice the modules to prune
 * @param calibration the source of the norms
 * @param verify whether the written output is checked before it is declared finished
 * @param resume whether to resume an interrupted run
 * @param unreached what is done to modules that no sample reached
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

  /** Returns the rules by which modules are pruned. */
  public PruningRules rules() {
    return new PruningRules(method, sparsity, unreached, Set.of());
  }
}
