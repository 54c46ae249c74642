package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.testing.selection.SmallMatrices;

/** A program that selects from small matrices on CUDA and says whether all results are right. */
final class SelectOnCuda {
  static final int RIGHT = 0;
  static final int WRONG = 10;

  private static final int MOST = 2000;

  private SelectOnCuda() {}

  /**
   * Checks.
   *
   * @param args the number of the first matrix, how many to the next, and how many altogether
   */
  public static void main(String[] args) {
    int first = Integer.parseInt(args[0]);
    int step = Integer.parseInt(args[1]);
    int end = Math.clamp(first + (long) step * Integer.parseInt(args[2]), first, MOST);
    System.exit(isRight(first, end, step) ? RIGHT : WRONG);
  }

  private static boolean isRight(int first, int end, int step) {
    try (Backend backend = Backends.open("cuda", 0, 1).backend()) {
      new SmallMatrices(1).check("cuda", backend.selector(), first, end, step);
      return true;
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      return false;
    }
  }
}
