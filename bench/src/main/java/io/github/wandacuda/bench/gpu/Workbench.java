package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** The memory, on both sides, of one kernel's measurement. */
final class Workbench implements AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final int rotations;
  private final Arena arena = Arena.ofShared();
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  /**
   * Starts empty.
   *
   * @param rotations how many equal sets of matrices launches go through
   */
  Workbench(GpuDevice device, DeviceQueue queue, int rotations) {
    this.device = device;
    this.queue = queue;
    this.rotations = rotations;
  }

  DeviceQueue queue() {
    return queue;
  }

  int rotations() {
    return rotations;
  }

  SampleRows rows(DType dtype, int rows, int columns, WeightKind kind, double scale) {
    return SampleRows.of(arena, dtype, rows, columns, kind, scale);
  }

  /** Returns a dense float32 matrix, or a weight's matrix with aligned rows; undefined content. */
  DeviceRows empty(DType dtype, int rows, int columns, long stride) {
    return new DeviceRows(memory(rows * stride * dtype.bytes()), dtype, rows, columns, stride);
  }

  DeviceRows floats(int rows, int columns) {
    return empty(DType.F32, rows, columns, columns);
  }

  /** Returns one matrix for each rotation, filled alike. */
  DeviceRows[] matrices(SampleRows content, DType dtype, int rows, int columns, long stride) {
    DeviceRows[] matrices = new DeviceRows[rotations];
    for (int i = 0; i < rotations; i++) {
      matrices[i] = empty(dtype, rows, columns, stride);
      content.fill(queue, matrices[i]);
    }
    queue.finish();
    return matrices;
  }

  /** Returns one matrix for each rotation, of undefined content. */
  DeviceRows[] outputs(DType dtype, int rows, int columns, long stride) {
    DeviceRows[] matrices = new DeviceRows[rotations];
    for (int i = 0; i < rotations; i++) {
      matrices[i] = empty(dtype, rows, columns, stride);
    }
    return matrices;
  }

  DevicePointer memory(long bytes) {
    DeviceBuffer buffer = device.memory().allocate(bytes);
    buffers.add(buffer);
    return buffer.at(0);
  }

  DevicePointer upload(float[] values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
  }

  /** Returns a copy of memory outside of the heap. */
  DevicePointer upload(MemorySegment content) {
    DevicePointer to = memory(content.byteSize());
    queue.upload(content, to);
    queue.finish();
    return to;
  }

  int[] integers(DevicePointer from, int count) {
    return download(from, (long) count * Integer.BYTES).toArray(ValueLayout.JAVA_INT);
  }

  float[] floats(DevicePointer from, int count) {
    return download(from, (long) count * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT);
  }

  /** Returns an element of a dense float32 matrix. */
  float element(DeviceRows matrix, int row, int column) {
    long offset = (row * matrix.stride() + column) * Float.BYTES;
    return floats(matrix.data().plus(offset), 1)[0];
  }

  /** Returns a copy of device memory, aligned for any number. */
  MemorySegment download(DevicePointer from, long bytes) {
    MemorySegment to = arena.allocate(bytes, Long.BYTES);
    queue.download(from, to);
    queue.finish();
    return to;
  }

  @Override
  public void close() {
    queue.settle();
    buffers.forEach(DeviceBuffer::close);
    arena.close();
  }
}
