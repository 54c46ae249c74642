package io.github.wandacuda.pruning;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.LinearModule;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What becomes of a module whose norms are all zero, such as an expert that no sample reached: all
 * of its scores are equal, so that Wanda would prune its first columns.
 */
public enum Unreached {
  /** It is pruned by |W|, as much of each row or group as of the others. */
  MAGNITUDE,
  /** It stays as it is. */
  KEEP,
  /** The run fails. */
  FAIL;

  /** Returns the name that the command line uses. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns what a name stands for. */
  public static Unreached of(String label) {
    return Arrays.stream(values())
        .filter(value -> value.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "`unreached`: expected one of %s, found '%s'"
                        .formatted(
                            Arrays.stream(values())
                                .map(Unreached::label)
                                .collect(Collectors.joining(", ")),
                            label)));
  }

  /**
   * Returns whether norms say that nothing reached a module.
   *
   * @param norms of its input columns, or null where a method needs none
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

  /** Returns the names of those modules that nothing reached. */
  public static List<String> in(List<ModuleResult> results) {
    return results.stream()
        .filter(result -> isUnreached(result.norms()))
        .map(result -> result.module().name())
        .toList();
  }

  /** Fails if this says so and nothing reached a module. */
  public void check(LinearModule module, float[] norms) {
    if (this == FAIL && isUnreached(norms)) {
      throw new InputException(
          ErrorDetails.of(Printable.of(module.name()))
              .said("all norms are zero, no sample reached it")
              .hint("give more samples, or `unreached` magnitude or keep"));
    }
  }
}
