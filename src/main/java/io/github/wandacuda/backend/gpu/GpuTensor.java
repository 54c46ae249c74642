package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.Tensor;
import java.util.Objects;

/** A row-major float32 matrix in a device's memory, or a view of another one's elements. */
@SuppressWarnings(
    "ReferenceEquality") // two tensors share memory if it is the same, not an equal one
final class GpuTensor implements Tensor {
  private final DeviceQueue queue;
  private final DeviceBuffer buffer;
  private final long first;
  private final int rows;
  private final int columns;
  private final GpuTensor owner;
  private boolean closed;

  private GpuTensor(
      DeviceQueue queue, DeviceBuffer buffer, long first, int rows, int columns, GpuTensor owner) {
    this.queue = queue;
    this.buffer = buffer;
    this.first = first;
    this.rows = rows;
    this.columns = columns;
    this.owner = owner == null ? this : owner;
  }

  /**
   * Allocates a tensor whose content is undefined.
   *
   * @param queue where all work on it is queued; closing the tensor waits for that work
   * @throws DeviceMemoryException if there isn't enough memory
   */
  static GpuTensor allocate(GpuDevice device, DeviceQueue queue, int rows, int columns) {
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException("a tensor of %d x %d".formatted(rows, columns));
    }
    long bytes = (long) rows * columns * Float.BYTES;
    return new GpuTensor(
        queue, device.memory().allocate(Math.max(1, bytes)), 0, rows, columns, null);
  }

  /**
   * Returns the tensor as kernels take it.
   *
   * @throws IllegalStateException if it, or the tensor that it is a view of, is closed
   */
  DeviceRows matrix() {
    if (owner.closed) {
      throw new IllegalStateException("the tensor is closed");
    }
    DevicePointer start = buffer.at(first * Float.BYTES);
    return new DeviceRows(start, DType.F32, rows, columns, columns);
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  long bytes() {
    return elements() * Float.BYTES;
  }

  @Override
  public GpuTensor rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    return new GpuTensor(queue, buffer, first + (long) from * columns, count, columns, owner);
  }

  @Override
  public GpuTensor reshaped(int newRows, int newColumns) {
    CheckedOperations.requireReshapable(this, newRows, newColumns);
    return new GpuTensor(queue, buffer, first, newRows, newColumns, owner);
  }

  private long elements() {
    return (long) rows * columns;
  }

  @Override
  public boolean overlaps(Tensor other) {
    return other instanceof GpuTensor own
        && owner == own.owner
        && first < own.first + own.elements()
        && own.first < first + elements();
  }

  @Override
  public void close() {
    if (owner == this && !closed) {
      closed = true;
      queue.settle();
      buffer.close();
    }
  }
}
