package io.github.wandacuda.bench.cases;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.Lowest;

/** How much a selection takes, as text: {@code 50%} of each row, or {@code 2:4} of each group. */
final class Amount {
  private Amount() {}

  static Lowest rule(String amount, int columns) {
    return SelectionRule.of(of(amount), columns);
  }

  static Sparsity of(String amount) {
    if (amount.endsWith("%")) {
      double percent = Double.parseDouble(amount.substring(0, amount.length() - 1));
      return new Sparsity.Ratio(percent / 100);
    }
    return SparsityParser.pattern(amount);
  }
}
