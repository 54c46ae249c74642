package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/** Both passes of the search for a whole matrix's magnitude threshold. */
final class HistogramCases {
  private HistogramCases() {}

  static List<KernelCase> of(Shapes shapes) {
    List<KernelCase> cases = new ArrayList<>();
    for (int[] shape : shapes.of("select")) {
      for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32)) {
        cases.add(of("count upper bits", shape, dtype, HistogramCases::upper));
        cases.add(of("count lower bits", shape, dtype, HistogramCases::lower));
      }
    }
    return cases;
  }

  /** Prepares a pass over matrices. */
  private interface Pass {
    KernelCase.Prepared of(Workbench bench, DeviceRows[] matrices);
  }

  private static KernelCase of(String name, int[] shape, DType dtype, Pass pass) {
    long stride = SampleRows.stride(dtype, shape[1]);
    long counts = (long) Selector.LOWER_BINS * Integer.BYTES;
    return new KernelCase(
        new KernelCase.Label(
            name, shape[0] + "x" + shape[1], dtype.name(), WeightKind.NORMAL.label()),
        (long) shape[0] * shape[1] * dtype.bytes(),
        0,
        shape[0] * stride * dtype.bytes() + counts,
        bench ->
            pass.of(
                bench,
                bench.matrices(
                    bench.rows(dtype, shape[0], shape[1], WeightKind.NORMAL, 1),
                    dtype,
                    shape[0],
                    shape[1],
                    stride)));
  }

  private static KernelCase.Prepared upper(Workbench bench, DeviceRows[] matrices) {
    DevicePointer counts = cleared(bench, Selector.UPPER_BINS);
    GpuSelectKernels kernels = bench.queue().pruning();
    return new KernelCase.Prepared(
        turn -> kernels.count(matrices[turn], OptionalInt.empty(), counts),
        () -> {
          int[] found = bench.integers(counts, Selector.UPPER_BINS);
          KernelCase.expect("counted", elements(matrices[0]), sum(found), 0);
        });
  }

  /** Looks into the fullest bin, as a search for the median nearly does. */
  private static KernelCase.Prepared lower(Workbench bench, DeviceRows[] matrices) {
    DevicePointer upper = cleared(bench, Selector.UPPER_BINS);
    GpuSelectKernels kernels = bench.queue().pruning();
    kernels.count(matrices[0], OptionalInt.empty(), upper);
    int[] found = bench.integers(upper, Selector.UPPER_BINS);
    int fullest = IntStream.range(0, found.length).reduce(0, (a, b) -> found[b] > found[a] ? b : a);
    DevicePointer counts = cleared(bench, Selector.LOWER_BINS);
    return new KernelCase.Prepared(
        turn -> kernels.count(matrices[turn], OptionalInt.of(fullest), counts),
        () ->
            KernelCase.expect(
                "counted", found[fullest], sum(bench.integers(counts, Selector.LOWER_BINS)), 0));
  }

  private static DevicePointer cleared(Workbench bench, int bins) {
    DevicePointer counts = bench.memory((long) bins * Integer.BYTES);
    bench.queue().clear(counts, (long) bins * Integer.BYTES);
    return counts;
  }

  private static long elements(DeviceRows matrix) {
    return (long) matrix.rows() * matrix.columns();
  }

  private static long sum(int[] counts) {
    return IntStream.of(counts).asLongStream().sum();
  }
}
