package io.github.wandacuda.backend.check;

import static io.github.wandacuda.backend.check.CheckSide.TOKENS;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** Masks and counts of magnitudes: {@link Selector}. */
final class SelectionCases {
  private SelectionCases() {}

  static List<KernelCase> all() {
    List<KernelCase> cases = new ArrayList<>();
    for (DType dtype : DType.values()) {
      // More rows than blocks run at a time on any GPU: they are guessed from those before.
      cases.add(
          selection("select_rows: lowest of many rows", dtype, 1201, 519, new LowestPerRow(200)));
      // On both sides of what CUDA's kernels hold: in 16 registers, in 32, in none.
      for (int columns : new int[] {37, 8191, 12001, 17001}) {
        String what = "select_rows: lowest of %d columns".formatted(columns);
        cases.add(selection(what, dtype, 7, columns, new LowestPerRow(columns / 3)));
      }
      for (int[] n : new int[][] {{2, 4}, {1, 4}, {4, 8}, {3, 8}, {5, 17}, {9, 45}}) {
        String what = "select_groups: lowest %d of %d".formatted(n[0], n[1]);
        cases.add(selection(what, dtype, TOKENS, 11 * n[1], new LowestPerGroup(n[0], n[1])));
      }
      cases.add(
          selection("select_threshold: scores up to a limit", dtype, TOKENS, 77, new AtMost(0.7f)));
      cases.add(KernelCase.exact("magnitudes: counts, " + dtype, side -> magnitudes(side, dtype)));
    }
    return cases;
  }

  private static KernelCase selection(
      String what, DType dtype, int rows, int columns, SelectionRule rule) {
    return KernelCase.exact(
        what + ", " + dtype, side -> selected(side, dtype, rows, columns, rule));
  }

  /** Returns the pruned weights, and behind them the bytes of their mask. */
  private static float[] selected(
      CheckSide side, DType dtype, int rows, int columns, SelectionRule rule) {
    WeightMatrix matrix = side.matrix(dtype, rows, columns);
    long maskBytes = rows * Selector.maskRowBytes(columns);
    MemorySegment mask = side.arena.allocate(maskBytes);
    float[] norms = side.values(columns);
    for (int i = 0; i < columns; i++) {
      norms[i] = Math.abs(norms[i]);
    }
    try (SelectionPlan plan = side.selector.prepare(dtype, columns, norms, rule)) {
      plan.select(matrix, matrix, mask);
    }
    float[] results = new float[rows * columns + (int) maskBytes];
    for (int row = 0; row < rows; row++) {
      matrix.read(row, 0, columns, results, row * columns);
    }
    for (int i = 0; i < maskBytes; i++) {
      results[rows * columns + i] = mask.get(ValueLayout.JAVA_BYTE, i);
    }
    return results;
  }

  /** Returns how many weights have each upper half of bits, and each lower half of those of 1. */
  private static float[] magnitudes(CheckSide side, DType dtype) {
    WeightMatrix matrix = side.matrix(dtype, 5, 301);
    long[] upper = new long[Selector.UPPER_BINS];
    side.selector.countMagnitudes(matrix, OptionalInt.empty(), upper);
    long[] lower = new long[Selector.LOWER_BINS];
    OptionalInt ofOne = OptionalInt.of(Float.floatToIntBits(1) >>> 16);
    side.selector.countMagnitudes(matrix, ofOne, lower);
    float[] counts = new float[upper.length + lower.length];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = i < upper.length ? upper[i] : lower[i - upper.length];
    }
    return counts;
  }
}
