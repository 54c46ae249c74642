package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Values;
import java.util.Arrays;
import java.util.SplittableRandom;

/** A program that selects on CUDA and on the CPU and says whether the results are the same. */
final class SelectOnCuda {
  static final int SAME = 0;
  static final int DIFFERENT = 10;

  private static final int ROWS = 6;
  private static final int COLUMNS = 240;

  private SelectOnCuda() {}

  /**
   * Compares.
   *
   * @param args {@code row N}, {@code group N M} or {@code atmost THRESHOLD}
   */
  public static void main(String[] args) {
    SelectionRule rule = rule(args);
    System.exit(Arrays.equals(pruned("cuda", rule), pruned("cpu", rule)) ? SAME : DIFFERENT);
  }

  private static SelectionRule rule(String[] args) {
    return switch (args[0]) {
      case "row" -> new LowestPerRow(Integer.parseInt(args[1]));
      case "group" -> new LowestPerGroup(Integer.parseInt(args[1]), Integer.parseInt(args[2]));
      case "atmost" -> new AtMost(Float.parseFloat(args[1]));
      default -> throw new IllegalArgumentException(args[0]);
    };
  }

  private static byte[] pruned(String name, SelectionRule rule) {
    int[][] bits = Values.GAUSSIAN.matrix(new SplittableRandom(3), DType.BF16, ROWS, COLUMNS);
    PlacedMatrix matrix =
        PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.BF16, ROWS, COLUMNS).filled(bits);
    try (Backend backend = Backends.open(name, 0, 1).backend()) {
      backend.selector().select(matrix.view(), null, rule, matrix.view(), null);
    }
    return matrix.bytes();
  }
}
