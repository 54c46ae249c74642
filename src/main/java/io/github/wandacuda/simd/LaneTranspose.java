package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Transposes squares of {@link Lanes#COUNT} rows and columns in registers. An element's place in a
 * square is its row's and its column's bits, and each step swaps one bit of the row with the same
 * bit of the column, for pairs of rows that differ in that bit. Two steps are made between a load
 * and a store, on four rows.
 *
 * <p>A store per element would go to another cache line each time: into a panel of 256 KB that took
 * three times as long (1 ns an element on a Zen 5) as this.
 *
 * <p>Not for several threads at once; each has its own.
 */
final class LaneTranspose {
  private static final int W = Lanes.COUNT;
  private static final Step STEP_1 = Step.of(1);
  private static final Step STEP_2 = Step.of(2);
  private static final Step STEP_4 = Step.of(4);
  private static final Step STEP_8 = Step.of(8);

  /** A square half turned. */
  private final float[] half = new float[W * W];

  /**
   * The lanes that are swapped between two rows when a bit of the row and of the column is swapped.
   *
   * @param swap moves lanes to those whose number differs in the bit
   * @param upper the lanes whose number has the bit
   */
  private record Step(VectorShuffle<Float> swap, VectorMask<Float> upper) {
    static Step of(int bit) {
      boolean[] upper = new boolean[W];
      for (int lane = 0; lane < W; lane++) {
        upper[lane] = (lane & bit) != 0;
      }
      return new Step(
          VectorShuffle.fromOp(Lanes.FLOATS, lane -> (lane ^ bit) % W),
          VectorMask.fromArray(Lanes.FLOATS, upper, 0));
    }

    /** Returns the new row of a pair whose number lacks the bit. */
    FloatVector low(FloatVector low, FloatVector high) {
      return low.blend(high.rearrange(swap), upper);
    }

    /** Returns the new row of a pair whose number has the bit. */
    FloatVector high(FloatVector low, FloatVector high) {
      return low.rearrange(swap).blend(high, upper);
    }
  }

  /**
   * Writes the columns of a square as rows.
   *
   * @param at the index of the square's first element in {@code from}
   * @param stride elements from a row to the next in {@code from}
   * @param toAt the index of the first element in {@code to}
   * @param width elements from a row to the next in {@code to}
   */
  public void square(float[] from, int at, int stride, float[] to, int toAt, int width) {
    switch (W) {
      case 4 -> twoSteps(from, at, stride, to, toAt, width, 1, STEP_1, STEP_2);
      case 8 -> {
        twoSteps(from, at, stride, half, 0, W, 1, STEP_1, STEP_2);
        step(half, 0, W, to, toAt, width, 4, STEP_4);
      }
      default -> {
        twoSteps(from, at, stride, half, 0, W, 1, STEP_1, STEP_2);
        twoSteps(half, 0, W, to, toAt, width, 4, STEP_4, STEP_8);
      }
    }
  }

  /** Swaps {@code bit} and the next higher bit of rows and columns. */
  private static void twoSteps(
      float[] from,
      int at,
      int stride,
      float[] to,
      int toAt,
      int width,
      int bit,
      Step first,
      Step second) {
    for (int i = 0; i < W / 4; i++) {
      int row = i / bit * 4 * bit + i % bit;
      int x = at + row * stride;
      int y = toAt + row * width;
      FloatVector x0 = load(from, x);
      FloatVector x1 = load(from, x + bit * stride);
      FloatVector x2 = load(from, x + 2 * bit * stride);
      FloatVector x3 = load(from, x + 3 * bit * stride);
      FloatVector y0 = first.low(x0, x1);
      FloatVector y1 = first.high(x0, x1);
      FloatVector y2 = first.low(x2, x3);
      FloatVector y3 = first.high(x2, x3);
      second.low(y0, y2).intoArray(to, y);
      second.low(y1, y3).intoArray(to, y + bit * width);
      second.high(y0, y2).intoArray(to, y + 2 * bit * width);
      second.high(y1, y3).intoArray(to, y + 3 * bit * width);
    }
  }

  private static void step(
      float[] from, int at, int stride, float[] to, int toAt, int width, int bit, Step step) {
    for (int i = 0; i < W / 2; i++) {
      int row = i / bit * 2 * bit + i % bit;
      FloatVector low = load(from, at + row * stride);
      FloatVector high = load(from, at + (row + bit) * stride);
      step.low(low, high).intoArray(to, toAt + row * width);
      step.high(low, high).intoArray(to, toAt + (row + bit) * width);
    }
  }
}
