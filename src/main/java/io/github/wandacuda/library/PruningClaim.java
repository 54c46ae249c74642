package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.Method;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * What is claimed of a pruned directory, in place of what its {@code wanda-cuda.json} says.
 * Immutable; each method returns another claim.
 *
 * <pre>{@code
 * PruningClaim.of(Sparsity.pattern(2, 4)).modules(List.of(Pattern.compile("mlp")), List.of())
 * }</pre>
 */
public final class PruningClaim {
  private final Sparsity sparsity;
  private final Method method;
  private final ModuleChoice choice;

  private PruningClaim(Sparsity sparsity, Method method, ModuleChoice choice) {
    this.sparsity = sparsity;
    this.method = method;
    this.choice = choice;
  }

  /**
   * Claims how much went.
   *
   * @param amount a share of each row, or a pattern
   * @return the claim that the modules of the record, or all modules without one, have such zeros
   */
  public static PruningClaim of(Sparsity amount) {
    return new PruningClaim(Objects.requireNonNull(amount, "amount"), null, null);
  }

  /**
   * Claims by which method, which says whether rows or whole matrices are counted.
   *
   * @param name as {@link ModelPruner#method} takes it
   * @return such a claim
   * @throws IllegalArgumentException for any other name
   */
  public PruningClaim method(String name) {
    Objects.requireNonNull(name, "name");
    return new PruningClaim(sparsity, Calls.argument(() -> Method.of(name)), choice);
  }

  /**
   * Claims that some modules were pruned and all others are as they were.
   *
   * @param included one of these is found in their names, or all modules if there are none
   * @param excluded none of these is
   * @return such a claim
   */
  public PruningClaim modules(List<Pattern> included, List<Pattern> excluded) {
    return new PruningClaim(sparsity, method, new ModuleChoice(included, excluded));
  }

  Verifier.Claim claim() {
    return new Verifier.Claim(method, sparsity, choice);
  }
}
