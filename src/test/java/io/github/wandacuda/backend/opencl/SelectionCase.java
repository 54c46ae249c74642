package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.Function;

/**
 * One selection on a device beside the scalar specification.
 *
 * @param dtype the elements' type
 * @param bits the elements, row by row
 * @param norms one for each column
 * @param rule what is pruned
 */
record SelectionCase(DType dtype, int[][] bits, float[] norms, SelectionRule rule) {
  private static final int UNTOUCHED = 0x3333_3333;
  private static final int AFTER = 3;

  /** What selection gives. */
  private record Outcome(byte[] weights, int[] mask, int[] report) {
    String difference(Outcome other, String what) {
      if (!Arrays.equals(report, other.report)) {
        return what
            + ": reports differ: expected %s, found %s"
                .formatted(Arrays.toString(report), Arrays.toString(other.report));
      }
      int weight = Arrays.mismatch(weights, other.weights);
      if (weight >= 0) {
        return what + ": weights differ at byte " + weight;
      }
      int word = Arrays.mismatch(mask, other.mask);
      return word >= 0
          ? what
              + ": masks differ at word %d: expected %x, found %x"
                  .formatted(word, mask[word], other.mask[word])
          : "";
    }
  }

  /** Returns how the device's selection differs from the specification, or nothing. */
  String difference(OpenClDevice device, Function<OpenClQueue, GpuSelectKernels> kernels) {
    try (OpenClQueue queue = device.queue();
        GuardedRows source = new GuardedRows(device, queue, dtype, bits, 1);
        GuardedRows destination =
            new GuardedRows(device, queue, dtype, new int[bits.length][columns()], 1)) {
      GpuSelectKernels on = kernels.apply(queue);
      String apart =
          expected(source, destination, true)
              .difference(run(device, queue, on, source, destination, true), "apart");
      if (!apart.isEmpty()) {
        return apart;
      }
      if (!Arrays.equals(source.bytes(), source.original())) {
        return "the source was changed";
      }
      return expected(source, source, false)
          .difference(run(device, queue, on, source, source, false), "in place");
    }
  }

  private int columns() {
    return norms.length;
  }

  private int maskWords() {
    return Math.ceilDiv(columns(), Integer.SIZE);
  }

  private Outcome run(
      OpenClDevice device,
      DeviceQueue queue,
      GpuSelectKernels kernels,
      GuardedRows source,
      GuardedRows destination,
      boolean masked) {
    int maskInts = bits.length * maskWords() + AFTER;
    int reportInts = bits.length * GpuSelectKernels.REPORT_INTS + AFTER;
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer normBuffer = device.allocate((long) columns() * Float.BYTES);
        DeviceBuffer mask = filled(device, queue, maskInts);
        DeviceBuffer report = filled(device, queue, reportInts)) {
      queue.upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, norms), normBuffer.at(0));
      kernels.select(
          source.matrix(),
          normBuffer.at(0),
          rule,
          destination.matrix(),
          masked ? mask.at(0) : null,
          report.at(0));
      queue.finish();
      return new Outcome(
          destination.bytes(),
          GuardedRows.readInts(queue, mask.at(0), maskInts),
          GuardedRows.readInts(queue, report.at(0), reportInts));
    }
  }

  private static DeviceBuffer filled(OpenClDevice device, DeviceQueue queue, int ints) {
    int[] untouched = new int[ints];
    Arrays.fill(untouched, UNTOUCHED);
    DeviceBuffer buffer = device.allocate((long) ints * Integer.BYTES);
    try (Arena arena = Arena.ofConfined()) {
      queue.upload(arena.allocateFrom(ValueLayout.JAVA_INT, untouched), buffer.at(0));
      queue.finish();
    }
    return buffer;
  }

  private Outcome expected(GuardedRows source, GuardedRows destination, boolean masked) {
    byte[] weights = destination.original();
    int[] mask = new int[bits.length * maskWords() + AFTER];
    Arrays.fill(mask, UNTOUCHED);
    int[] report = new int[bits.length * GpuSelectKernels.REPORT_INTS + AFTER];
    Arrays.fill(report, UNTOUCHED);
    RowPruner pruner = new ScalarSelect().pruner(dtype, columns(), norms, rule);
    for (int r = 0; r < bits.length; r++) {
      MemorySegment row = row(bits[r]);
      long[] kept = new long[Math.ceilDiv(columns(), Long.SIZE)];
      int picked = pruner.prune(row, 0, kept);
      int at = r * GpuSelectKernels.REPORT_INTS;
      report[at + GpuSelectKernels.PICKED] = picked;
      report[at + GpuSelectKernels.ZEROS] = pruner.zeros();
      report[at + GpuSelectKernels.NON_FINITE] = GpuSelectKernels.NONE;
      for (int c = 0; c < columns(); c++) {
        boolean stays = (kept[c / Long.SIZE] >>> c & 1) != 0;
        destination.set(weights, r, c, stays ? bits[r][c] : 0);
      }
      for (int word = 0; masked && word < maskWords(); word++) {
        mask[r * maskWords() + word] = (int) (kept[word / 2] >>> word % 2 * Integer.SIZE);
      }
    }
    return new Outcome(weights, mask, report);
  }

  /** Returns a row in the form of {@link CpuSelectKernels}. */
  private MemorySegment row(int[] elements) {
    long padded = CpuSelectKernels.padded(elements.length);
    MemorySegment row = Arena.ofAuto().allocate(padded * dtype.bytes());
    for (int c = 0; c < elements.length; c++) {
      if (dtype == DType.F32) {
        row.setAtIndex(ValueLayout.JAVA_INT, c, elements[c]);
      } else {
        row.setAtIndex(ValueLayout.JAVA_SHORT, c, (short) elements[c]);
      }
    }
    return row;
  }
}
