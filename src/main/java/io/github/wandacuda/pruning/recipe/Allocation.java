package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** How the total is shared out over the blocks. */
public sealed interface Allocation {
  /** Returns whether the shares depend on the weights, which are others once they are pruned. */
  default boolean readsWeights() {
    return false;
  }

  /** A rule that computes the shares. */
  enum Rule implements Allocation, Labelled {
    /** Every block the total. */
    UNIFORM,
    /** More from block to block, in equal steps. */
    ATP,
    /** More where the mean score is higher. */
    DLP,
    /** Less where more scores lie far above the mean. */
    OWL;

    @Override
    public boolean readsWeights() {
      return this != UNIFORM;
    }

    /** Returns the rule of a name, or nothing for any other word. */
    public static Optional<Rule> of(String label) {
      return Arrays.stream(values()).filter(rule -> rule.label().equals(label)).findFirst();
    }

    /** Returns the names of all rules. */
    public static List<String> labels() {
      return Arrays.stream(values()).map(Rule::label).toList();
    }
  }

  /**
   * Shares that a file says, for each block or module.
   *
   * @param file in JSON
   */
  record FromFile(Path file) implements Allocation {}
}
