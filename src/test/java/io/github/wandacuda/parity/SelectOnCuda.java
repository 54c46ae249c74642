package io.github.wandacuda.parity;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.SelectCase;
import io.github.wandacuda.testing.selection.SmallMatrices;
import io.github.wandacuda.testing.selection.Values;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** A program that selects from small matrices on CUDA and says whether all results are right. */
final class SelectOnCuda {
  static final int RIGHT = 0;
  static final int WRONG = 10;

  private static final int MOST = 2000;
  private static final int ROWS = 50;
  private static final int COLUMNS = 4096;

  private SelectOnCuda() {}

  /** Checks a matrix of so many rows that a block takes several, each guessed from another. */
  static final String MANY_ROWS = "many-rows";

  /** Work that throws an {@link AssertionError} if a selector is wrong. */
  private interface Check {
    void of(Selector selector);
  }

  /**
   * Checks.
   *
   * @param args the number of the first matrix, how many to the next, and how many altogether; or
   *     {@link #MANY_ROWS}
   */
  public static void main(String[] args) {
    System.exit(isRight(check(args)) ? RIGHT : WRONG);
  }

  private static Check check(String[] args) {
    if (args[0].equals(MANY_ROWS)) {
      return SelectOnCuda::checkManyRows;
    }
    int first = Integer.parseInt(args[0]);
    int step = Integer.parseInt(args[1]);
    int end = Math.clamp(first + (long) step * Integer.parseInt(args[2]), first, MOST);
    return selector -> new SmallMatrices(1).check("cuda", selector, first, end, step);
  }

  private static void checkManyRows(Selector selector) {
    RandomGenerator random = new SplittableRandom(1);
    for (Values values : Values.values()) {
      int[][] bits = values.matrix(random, DType.F16, ROWS, COLUMNS);
      SelectionRule rule = new LowestPerRow(random.nextInt(COLUMNS));
      // Without norms some weights of a row have the same score.
      for (Norms norms : List.of(Norms.LOGNORMAL, Norms.NONE)) {
        new SelectCase(DType.F16, bits, COLUMNS, norms.vector(random, COLUMNS), rule)
            .check("cuda", selector, PlacedMatrix.Layout.DENSE, PlacedMatrix.Layout.DENSE);
      }
    }
  }

  private static boolean isRight(Check check) {
    try (Backend backend = Backends.open("cuda", 0, 1).backend()) {
      check.of(backend.selector());
      return true;
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      return false;
    }
  }
}
