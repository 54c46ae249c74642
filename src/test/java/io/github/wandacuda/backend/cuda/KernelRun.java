package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Runs single kernels of selection on a device, on memory that is no larger than they need. */
final class KernelRun {
  private static final byte UNTOUCHED = 0x5c;

  private final CudaDevice device;
  private final CudaQueue queue;

  KernelRun(CudaDevice device) {
    this.device = device;
    this.queue = device.queue();
  }

  /**
   * What a selection wrote.
   *
   * @param matrix the destination
   * @param mask its words, or null
   * @param reports of the rows
   */
  record Outcome(PaddedMatrix matrix, int[] mask, int[] reports) {}

  Outcome select(
      PaddedMatrix matrix, float[] norms, SelectionRule rule, boolean inPlace, boolean masked) {
    int words = Math.ceilDiv(matrix.columns(), Integer.SIZE);
    DevicePointer source = upload(matrix.memory());
    DevicePointer destination = inPlace ? source : upload(matrix.memory());
    DevicePointer mask = masked ? filled(4L * matrix.rows() * words) : null;
    DevicePointer reports = filled(4L * matrix.rows() * GpuSelectKernels.REPORT_INTS);
    queue
        .pruning()
        .select(
            on(source, matrix),
            upload(MemorySegment.ofArray(norms)),
            rule,
            on(destination, matrix),
            mask,
            reports);
    queue.finish();
    MemorySegment result = download(destination);
    return new Outcome(matrix.holding(result), mask == null ? null : ints(mask), ints(reports));
  }

  int[] inspect(PaddedMatrix matrix) {
    DevicePointer reports = filled(4L * matrix.rows() * GpuSelectKernels.REPORT_INTS);
    queue.pruning().inspect(on(upload(matrix.memory()), matrix), reports);
    return ints(reports);
  }

  int[] countUpper(PaddedMatrix matrix, int[] counts) {
    DevicePointer device = upload(MemorySegment.ofArray(counts));
    queue.pruning().countUpper(on(upload(matrix.memory()), matrix), device);
    return ints(device);
  }

  int[] countLower(PaddedMatrix matrix, int upper, int[] counts) {
    DevicePointer device = upload(MemorySegment.ofArray(counts));
    queue.pruning().countLower(on(upload(matrix.memory()), matrix), upper, device);
    return ints(device);
  }

  private static DeviceRows on(DevicePointer pointer, PaddedMatrix matrix) {
    return new DeviceRows(
        pointer, matrix.dtype(), matrix.rows(), matrix.columns(), matrix.stride());
  }

  private DevicePointer upload(MemorySegment host) {
    DevicePointer pointer = device.allocate(host.byteSize()).at(0);
    MemorySegment copy = Arena.ofAuto().allocate(host.byteSize(), 16).copyFrom(host);
    queue.upload(copy, pointer);
    queue.finish();
    return pointer;
  }

  private DevicePointer filled(long bytes) {
    return upload(Arena.ofAuto().allocate(bytes, 16).fill(UNTOUCHED));
  }

  private MemorySegment download(DevicePointer pointer) {
    MemorySegment host = Arena.ofAuto().allocate(pointer.buffer().bytes(), 16);
    queue.download(pointer, host);
    queue.finish();
    return host;
  }

  private int[] ints(DevicePointer pointer) {
    return download(pointer).toArray(ValueLayout.JAVA_INT);
  }
}
