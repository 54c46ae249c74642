package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.Labelled;
import java.util.EnumSet;
import java.util.List;

/**
 * What becomes of a module whose norms are all zero, such as an expert that no sample reached: all
 * of its scores are equal, so that Wanda would prune its first columns.
 */
public enum Unreached implements Labelled {
  /** It is pruned by |W|, as much of each row or group as of the others. */
  MAGNITUDE,
  /** It stays as it is. */
  KEEP,
  /** It is an error. */
  FAIL;

  /**
   * Returns what a name stands for.
   *
   * @throws io.github.wandacuda.error.UsageException for any other name
   */
  public static Unreached of(String label) {
    return Labelled.of(label, EnumSet.allOf(Unreached.class), "`unreached`");
  }

  /**
   * Returns whether norms say that no sample reached a module.
   *
   * @param norms of its input columns, or null where a method needs none, which says nothing
   */
  public static boolean isUnreached(float[] norms) {
    if (norms == null || norms.length == 0) {
      return false;
    }
    for (float norm : norms) {
      if (norm != 0) {
        return false;
      }
    }
    return true;
  }

  /** Returns the names of those modules that no sample reached. */
  public static List<String> in(List<ModuleResult> results) {
    return results.stream()
        .filter(result -> isUnreached(result.norms()))
        .map(result -> result.module().name())
        .toList();
  }

  /**
   * Checks that a module is treated in some way if no sample reached it.
   *
   * @param norms of its input columns, or null
   * @throws InputException that names it, if this is {@link #FAIL}
   */
  public void check(LinearModule module, float[] norms) {
    if (this == FAIL && isUnreached(norms)) {
      throw new InputException(
          ErrorDetails.of(Printable.of(module.name()))
              .said("all norms are zero, no sample reached it")
              .hint("give more samples, or `unreached` magnitude or keep"));
    }
  }
}
