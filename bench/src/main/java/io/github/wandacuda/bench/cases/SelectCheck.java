package io.github.wandacuda.bench.cases;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.select.SelectionRule;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Holds rows of a result against what sorting scores gives. */
final class SelectCheck {
  private final RowReader source;
  private final float[] norms;
  private final SelectionRule.Lowest rule;
  private final int pruned;
  private final int size;

  SelectCheck(RowReader source, float[] norms, SelectionRule.Lowest rule) {
    this.source = source;
    this.norms = norms;
    this.rule = rule;
    pruned = rule.perGroup();
    size = rule.groupSize(source.columns());
  }

  /**
   * Checks how many elements of a matrix went, and its first, a middle and its last row.
   *
   * @throws IllegalStateException if the result is wrong
   */
  void whole(long gone, RowReader result) {
    long expected = rule.count(source.rows(), source.columns());
    if (gone != expected) {
      throw new IllegalStateException("%d pruned, not %d".formatted(gone, expected));
    }
    for (int row : new int[] {0, source.rows() / 2, source.rows() - 1}) {
      row(row, result);
    }
  }

  /**
   * Checks a row.
   *
   * @throws IllegalStateException if an element is not what it should be
   */
  void row(int row, RowReader result) {
    boolean[] goes = goes(row);
    for (int column = 0; column < goes.length; column++) {
      float expected = goes[column] ? 0 : source.get(row, column);
      float found = result.get(row, column);
      if (Float.floatToRawIntBits(expected) != Float.floatToRawIntBits(found)) {
        throw new IllegalStateException(
            "row %d, column %d: %s, not %s".formatted(row, column, found, expected));
      }
    }
  }

  /** Which elements the rule picks; the sort is stable, so equal scores go by column. */
  private boolean[] goes(int row) {
    boolean[] goes = new boolean[source.columns()];
    for (int first = 0; first < goes.length; first += size) {
      IntStream.range(first, first + size)
          .boxed()
          .sorted(Comparator.comparing(column -> Math.abs(source.get(row, column)) * norms[column]))
          .limit(pruned)
          .forEach(column -> goes[column] = true);
    }
    return goes;
  }
}
