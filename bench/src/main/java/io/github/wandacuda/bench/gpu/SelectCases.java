package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.select.SelectionRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Selections, from one buffer into another, each for all shapes and types. */
final class SelectCases {
  /** The median magnitude of a standard normal distribution. */
  private static final double MEDIAN = 0.6744897501960817;

  private SelectCases() {}

  static List<KernelCase> of(Shapes shapes) {
    List<KernelCase> cases = new ArrayList<>();
    for (int[] shape : shapes.of("select")) {
      for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32)) {
        SelectionRule half = new SelectionRule.LowestPerRow(shape[1] / 2);
        for (WeightKind kind : WeightKind.values()) {
          cases.add(select("select 50 %", shape, dtype, kind, half, false));
        }
        cases.add(select("select 50 % and mask", shape, dtype, WeightKind.NORMAL, half, true));
        cases.add(group("select 2:4", shape, dtype, new SelectionRule.LowestPerGroup(2, 4)));
        cases.add(group("select 4:8", shape, dtype, new SelectionRule.LowestPerGroup(4, 8)));
        cases.add(group("select at most", shape, dtype, threshold()));
      }
    }
    return cases;
  }

  private static SelectionRule threshold() {
    return new SelectionRule.AtMost((float) (MEDIAN * NormalWeights.DEVIATION));
  }

  private static KernelCase group(String name, int[] shape, DType dtype, SelectionRule rule) {
    return select(name, shape, dtype, WeightKind.NORMAL, rule, false);
  }

  private static KernelCase select(
      String name, int[] shape, DType dtype, WeightKind kind, SelectionRule rule, boolean masked) {
    long weights = (long) shape[0] * shape[1] * dtype.bytes();
    long maskBytes = masked ? maskBytes(shape) : 0;
    long others = shape[1] * (long) Float.BYTES + reportBytes(shape[0]);
    return new KernelCase(
        new KernelCase.Label(name, shape[0] + "x" + shape[1], dtype.name(), kind.label()),
        2 * weights + maskBytes + others,
        0,
        2 * shape[0] * SampleRows.stride(dtype, shape[1]) * dtype.bytes() + maskBytes + others,
        bench -> prepare(bench, shape, dtype, kind, rule, masked));
  }

  private static long maskBytes(int[] shape) {
    return (long) shape[0] * Math.ceilDiv(shape[1], Integer.SIZE) * Integer.BYTES;
  }

  private static long reportBytes(int rows) {
    return (long) rows * GpuSelectKernels.REPORT_INTS * Integer.BYTES;
  }

  private static KernelCase.Prepared prepare(
      Workbench bench,
      int[] shape,
      DType dtype,
      WeightKind kind,
      SelectionRule rule,
      boolean masked) {
    int rows = shape[0];
    int columns = shape[1];
    long stride = SampleRows.stride(dtype, columns);
    SampleRows content = bench.rows(dtype, rows, columns, kind, 1);
    DeviceRows[] sources = bench.matrices(content, dtype, rows, columns, stride);
    DeviceRows[] destinations = bench.outputs(dtype, rows, columns, stride);
    DevicePointer norms = bench.upload(norms(kind, rule, columns));
    DevicePointer mask = masked ? bench.memory(maskBytes(shape)) : null;
    DevicePointer report = bench.memory(reportBytes(rows));
    GpuSelectKernels kernels = bench.queue().pruning();
    return new KernelCase.Prepared(
        turn -> kernels.select(sources[turn], norms, rule, destinations[turn], mask, report),
        () -> check(bench, report, shape, rule));
  }

  /** A threshold compares magnitudes alone. */
  private static float[] norms(WeightKind kind, SelectionRule rule, int columns) {
    float[] norms = kind.norms(columns);
    if (rule instanceof SelectionRule.AtMost) {
      Arrays.fill(norms, 1);
    }
    return norms;
  }

  private static void check(
      Workbench bench, DevicePointer report, int[] shape, SelectionRule rule) {
    int[] reports = bench.integers(report, shape[0] * GpuSelectKernels.REPORT_INTS);
    double half = shape[1] / 2;
    // Within a row, the number under a fixed threshold is binomial; 6 deviations are never met.
    double slack = rule instanceof SelectionRule.AtMost ? 3 * Math.sqrt(shape[1]) : 0;
    IntStream.range(0, shape[0])
        .map(row -> row * GpuSelectKernels.REPORT_INTS)
        .forEach(
            at -> {
              KernelCase.expect("picked", half, reports[at + GpuSelectKernels.PICKED], slack);
              KernelCase.expect(
                  "non-finite",
                  GpuSelectKernels.NONE,
                  reports[at + GpuSelectKernels.NON_FINITE],
                  0);
            });
  }
}
