package io.github.wandacuda.bench.cases;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.pruning.Sparsity;

/** How much a selection takes, as text: {@code 50%} of each row, or {@code 2:4} of each group. */
final class Amount {
  private Amount() {}

  static SelectionRule rule(String amount, int columns) {
    if (amount.endsWith("%")) {
      double percent = Double.parseDouble(amount.substring(0, amount.length() - 1));
      return new SelectionRule.LowestPerRow((int) new Sparsity.Ratio(percent / 100).of(columns));
    }
    Sparsity.GroupPattern pattern = Sparsity.GroupPattern.parse(amount);
    return new SelectionRule.LowestPerGroup(pattern.pruned(), pattern.size());
  }

  /** Returns how many weights of a row go. */
  static int perRow(SelectionRule rule, int columns) {
    return rule instanceof SelectionRule.LowestPerGroup group
        ? columns / group.size() * group.pruned()
        : ((SelectionRule.LowestPerRow) rule).count();
  }
}
