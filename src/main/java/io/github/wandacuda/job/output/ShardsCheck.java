package io.github.wandacuda.job.output;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PruningRules;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Checks the shards of a pruned model: in this process or by others. */
@FunctionalInterface
interface ShardsCheck {
  /**
   * Checks them.
   *
   * @param failures takes what is wrong
   * @return what was found; empty if a module is missing, which is among the failures
   * @throws io.github.wandacuda.error.InputException if the source can't be read
   */
  Optional<ShardVerifier.Found> check(Pruned pruned, Failures failures);

  /**
   * A pruned model with what is known of it.
   *
   * @param dense its source
   * @param directory holds shards of the same names
   * @param packed whether they are packed
   * @param claim what the user says of it
   * @param recorded whether it has a {@code wanda-cuda.json}
   * @param rules by which it was pruned, of the claim and the record
   * @param chosen its pruned modules, in the order of their masks
   */
  record Pruned(
      ModelDirectory dense,
      Path directory,
      boolean packed,
      Verifier.Claim claim,
      boolean recorded,
      PruningRules rules,
      List<LinearModule> chosen) {}
}
