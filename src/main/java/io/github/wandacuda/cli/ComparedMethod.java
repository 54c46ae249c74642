package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.PruningPlan;
import io.github.wandacuda.job.SourceDigest;
import java.util.Optional;

/**
 * A way of pruning that is compared with others.
 *
 * @param label what people call it: {@code wanda+swaps+atp}, or a recipe's file
 * @param sparsity how much goes, unless a recipe says it
 * @param plan what is done to modules
 * @param files the SHA-256 of the files that say it, or null if there are none
 */
record ComparedMethod(String label, Optional<Sparsity> sparsity, PruningPlan plan, String files) {

  static ComparedMethod of(String label, Optional<Sparsity> sparsity, PruningPlan plan) {
    return new ComparedMethod(
        label,
        sparsity,
        plan,
        plan.files().isEmpty() ? null : SourceDigest.ofFiles("what is done", plan.files(), ""));
  }

  /** Returns it in words, with how much goes. */
  public String text() {
    return sparsity.map(amount -> label + " " + amount).orElse(label);
  }
}
