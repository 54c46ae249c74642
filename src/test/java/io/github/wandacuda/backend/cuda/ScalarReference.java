package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.Select;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** What kernels of selection have to write, by the scalar code, row by row. */
final class ScalarReference {
  private static final Selector SCALAR = new CpuSelector(new ScalarSelect());

  private ScalarReference() {}

  /** Checks all bits of a selection, those between the rows included. */
  static void check(
      String name,
      PaddedMatrix matrix,
      float[] norms,
      SelectionRule rule,
      KernelRun.Outcome outcome) {
    PaddedMatrix expected = matrix.copy();
    int words = Math.ceilDiv(matrix.columns(), Integer.SIZE);
    for (int r = 0; r < matrix.rows(); r++) {
      String row = name + ", row " + r;
      int[] report = report(outcome.reports(), r);
      MemorySegment mask = Arena.ofAuto().allocate(4L * words, 4);
      try {
        Selection selection =
            Select.once(SCALAR, matrix.row(r), norms, rule, expected.row(r), mask);
        assertThat(report)
            .as(row)
            .containsExactly(
                (int) selection.pruned(), (int) selection.zeros(), GpuSelectKernels.NONE);
        if (outcome.mask() != null) {
          assertThat(Arrays.copyOfRange(outcome.mask(), r * words, (r + 1) * words))
              .as(row)
              .isEqualTo(mask.toArray(ValueLayout.JAVA_INT));
        }
      } catch (NonFiniteWeightException e) {
        assertThat(report[GpuSelectKernels.NON_FINITE]).as(row).isEqualTo(e.column());
        // Such a row's result is open, but not what lies after it.
        WeightMatrix open = outcome.matrix().row(r);
        MemorySegment.copy(open.data(), 0, expected.row(r).data(), 0, open.data().byteSize());
      }
    }
    assertThat(outcome.matrix().memory().mismatch(expected.memory())).as(name).isEqualTo(-1);
  }

  /** Returns a row's report of what it holds. */
  static int[] inspect(PaddedMatrix matrix, int row) {
    WeightMatrix weights = matrix.row(row);
    int zeros = 0;
    int nonFinite = GpuSelectKernels.NONE;
    for (int c = matrix.columns() - 1; c >= 0; c--) {
      float value = weights.get(0, c);
      zeros += value == 0 ? 1 : 0;
      nonFinite = Float.isFinite(value) ? nonFinite : c;
    }
    return new int[] {0, zeros, nonFinite};
  }

  static int[] report(int[] reports, int row) {
    int from = row * GpuSelectKernels.REPORT_INTS;
    return Arrays.copyOfRange(reports, from, from + GpuSelectKernels.REPORT_INTS);
  }

  /** Adds one for each element, by the bits of its magnitude. */
  static void count(PaddedMatrix matrix, int[] upper, int[] lower, int upperOfLower) {
    for (int r = 0; r < matrix.rows(); r++) {
      for (int c = 0; c < matrix.columns(); c++) {
        int bits = Float.floatToRawIntBits(matrix.row(r).get(0, c)) & 0x7fff_ffff;
        upper[bits >>> 16]++;
        lower[bits & 0xffff] += bits >>> 16 == upperOfLower ? 1 : 0;
      }
    }
  }
}
