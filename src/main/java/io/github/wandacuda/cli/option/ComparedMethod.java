package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Structure;
import java.util.Optional;

/**
 * A way of pruning that is compared with others.
 *
 * @param label what people call it: {@code wanda+swaps+atp}, or a recipe's file
 * @param sparsity how much goes, unless a recipe says it
 * @param plan null if whole parts go
 * @param removal the parts that go, or null
 * @param files the SHA-256 of the files that say it, or null if there are none
 */
public record ComparedMethod(
    String label,
    Optional<Sparsity> sparsity,
    PruningPlan plan,
    RemovalRequest removal,
    String files) {
  static ComparedMethod of(String label, Optional<Sparsity> sparsity, PruningPlan plan) {
    return new ComparedMethod(
        label,
        sparsity,
        plan,
        null,
        plan.files().isEmpty() ? null : SourceDigest.ofFiles("what is done", plan.files(), ""));
  }

  /** Returns whether norms, or scores of experts, don't suffice for it. */
  boolean needsSamples() {
    return removal == null
        ? plan.rules().needMoments() || plan.allocations().contains(Allocation.Rule.ATP)
        : removal.parts().structure() != Structure.EXPERTS;
  }

  public String text() {
    return sparsity.map(amount -> label + " " + amount).orElse(label);
  }
}
