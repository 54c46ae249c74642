package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.select.SelectionRule;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What is done to a module.
 *
 * @param method how weights are scored
 * @param scope what {@link Method#RIA} ranks
 * @param sparsity how much goes; {@link Method#MASKS} takes no notice of it
 * @param swaps how the mask is improved afterwards, if at all
 * @param reconstruct whether the kept weights are fitted to the dense module's outputs in the end
 */
public record ModuleRules(
    Method method, Scope scope, Sparsity sparsity, Optional<Swaps> swaps, boolean reconstruct) {
  /** The name that the command line and files use for swaps. */
  public static final String SWAPS = "swaps";

  /** The name that the command line and files use for the reconstruction. */
  public static final String RECONSTRUCT = "reconstruct";

  /** Keeps a module as it is. */
  public static final ModuleRules NOTHING = of(Method.WANDA, new Sparsity.Ratio(0));

  /** What scores are compared within. */
  public enum Scope {
    /** A row. */
    ROW,
    /** The whole matrix, as the authors of RIA do. */
    MATRIX;

    /** Returns the name that the command line and files use. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns the scope of a name.
     *
     * @throws UsageException for any other name
     */
    public static Scope of(String label) {
      return Arrays.stream(values())
          .filter(scope -> scope.label().equals(label))
          .findFirst()
          .orElseThrow(
              () ->
                  new UsageException("scope: expected row or matrix, found '%s'".formatted(label)));
    }
  }

  /**
   * A mask is improved by swapping kept weights for pruned ones.
   *
   * @param budget swaps in a row at most, or empty to go on until nothing improves
   */
  public record Swaps(OptionalInt budget) {
    /** Checks the budget. */
    public Swaps {
      if (budget.isPresent() && budget.getAsInt() < 0) {
        throw new UsageException("refine-swaps: expected 0 or more, found " + budget.getAsInt());
      }
    }
  }

  /**
   * Checks that the parts go together.
   *
   * @throws UsageException if they don't
   */
  public ModuleRules {
    if (method == Method.WANDA_VARIANT && sparsity instanceof Sparsity.GroupPattern) {
      throw new UsageException(
          "method wanda-variant: expected a sparsity, found the pattern " + sparsity);
    }
    if (method == Method.SPARSEGPT && swaps.isPresent()) {
      throw new UsageException(
          "refine swaps: expected a method that keeps weights as they are, found sparsegpt");
    }
  }

  /** Makes rules of a method with nothing after it. */
  public static ModuleRules of(Method method, Sparsity sparsity) {
    return new ModuleRules(method, Scope.MATRIX, sparsity, Optional.empty(), false);
  }

  /** Returns the method with what follows it, as people write it: {@code wanda+swaps}. */
  public String label() {
    return method.label()
        + (swaps.isPresent() ? "+" + SWAPS : "")
        + (reconstruct ? "+" + RECONSTRUCT : "");
  }

  /** Returns how much goes, in words. */
  public String amount() {
    return method == Method.MASKS ? "as the masks say" : sparsity.toString();
  }

  /** Returns the same rules without what follows the choice of the mask. */
  ModuleRules maskAlone() {
    return new ModuleRules(method, scope, sparsity, Optional.empty(), false);
  }

  /** Returns the same rules for another share. */
  public ModuleRules with(Sparsity other) {
    return new ModuleRules(method, scope, other, swaps, reconstruct);
  }

  /** Returns whether it is a share of nothing, which changes no weight by any method. */
  boolean isNothing() {
    return method != Method.MASKS
        && sparsity instanceof Sparsity.Ratio ratio
        && ratio.fraction() == 0;
  }

  /**
   * Returns whether tiles can be pruned one by one: by Wanda or magnitude, and nothing after it.
   */
  public boolean isByTiles() {
    return (method == Method.WANDA || method == Method.MAGNITUDE)
        && swaps.isEmpty()
        && !reconstruct;
  }

  /** Returns whether the second moments of the module's inputs are needed. */
  public boolean needsMoments() {
    return method == Method.SPARSEGPT || swaps.isPresent() || reconstruct;
  }

  /** Returns whether the norms of the module's input columns are needed. */
  public boolean needsNorms() {
    return needsMoments() || (method != Method.MAGNITUDE && method != Method.MASKS);
  }

  /** Returns whether kept weights change too. */
  public boolean updates() {
    return method == Method.SPARSEGPT || reconstruct;
  }

  /** Returns whether a threshold on magnitudes depends on the whole matrix. */
  public boolean needsThreshold() {
    return method == Method.MAGNITUDE && sparsity instanceof Sparsity.Ratio;
  }

  /** Returns whether each row or group is known to have lost so many weights. */
  public boolean countsRows() {
    return switch (method) {
      case MASKS -> false;
      case WANDA -> true;
      case RIA -> scope == Scope.ROW || sparsity instanceof Sparsity.GroupPattern;
      case MAGNITUDE, SPARSEGPT, WANDA_VARIANT -> sparsity instanceof Sparsity.GroupPattern;
    };
  }

  /**
   * Returns whether the mask is told from the weights alone, by their zeros. It isn't where a row's
   * count says how many of the source's own zeros the mask prunes.
   */
  public boolean zerosArePruned() {
    return updates() || !countsRows();
  }

  /**
   * Returns what goes of each row or group at most, and if rows are counted at least.
   *
   * @param columns elements in a row
   */
  public SelectionRule.Lowest perRow(int columns) {
    return countsRows()
        ? SelectionRule.of(sparsity, columns)
        : new SelectionRule.LowestPerRow(columns);
  }

  /**
   * Returns how many zeros the matrix has at least, if its rows aren't counted.
   *
   * @param columns elements in a row
   */
  public long leastZeros(long rows, int columns) {
    if (countsRows() || !(sparsity instanceof Sparsity.Ratio ratio)) {
      return 0;
    }
    return switch (method) {
      case MAGNITUDE -> ratio.of(rows * columns) + 1;
      // A module that nothing reached, or whose moments are no use, is pruned row by row.
      case RIA, SPARSEGPT -> rows * ratio.of(columns);
      case WANDA, WANDA_VARIANT, MASKS -> 0;
    };
  }
}
