package io.github.wandacuda.bench.cases;

import io.github.wandacuda.select.SelectionRule.Lowest;
import io.github.wandacuda.select.Sparsity;

/** How much a selection takes, as text: {@code 50%} of each row, or {@code 2:4} of each group. */
final class Amount {
  private Amount() {}

  static Lowest rule(String amount, int columns) {
    if (amount.endsWith("%")) {
      double percent = Double.parseDouble(amount.substring(0, amount.length() - 1));
      return new Sparsity.Ratio(percent / 100).rule(columns);
    }
    return Sparsity.GroupPattern.parse(amount);
  }
}
