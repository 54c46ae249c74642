package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.LongConsumer;

/**
 * What one call of the selector needs: a queue, room on the device, and pinned memory for weights
 * that don't lie in any. A matrix goes through it tile by tile. For one thread at a time.
 */
final class SelectionSlot implements AutoCloseable {
  private final DeviceQueue queue;
  private final SlotMemory memory;
  private final TileTransfer transfer;
  private final StagingBuffer masks;
  private final StagingBuffer reports;
  private final StagingBuffer norms;
  private final StagingBuffer counts;

  SelectionSlot(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    queue = device.queue();
    memory = new SlotMemory(device, queue, tileBytes);
    transfer = new TileTransfer(queue, pinned);
    masks = new StagingBuffer(pinned);
    reports = new StagingBuffer(pinned);
    norms = new StagingBuffer(pinned);
    counts = new StagingBuffer(pinned);
  }

  /**
   * Makes room for rows of a matrix and for counts.
   *
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one row
   */
  void reserve(TileShape shape, int bins) {
    memory.tileOf(shape, bins);
  }

  /**
   * Returns a matrix in host memory.
   *
   * @param destination where results go, or null where there are none
   */
  SlotMatrix host(WeightMatrix source, WeightMatrix destination) {
    return new HostMatrix(transfer, source, destination);
  }

  /** Returns a caller's matrix; this slot's work begins after what the caller's queue has. */
  SlotMatrix caller(DeviceRows rows, long callerQueue) {
    queue.startAfter(callerQueue);
    return new CallerMatrix(queue, rows);
  }

  /**
   * Prunes a matrix; the parameters are {@link io.github.wandacuda.select.DeviceSelector#select}'s.
   */
  Selection select(
      SlotMatrix matrix,
      DevicePointer norms,
      SelectionRule rule,
      MemorySegment mask,
      LongConsumer rowsDone) {
    TileShape shape = matrix.shape();
    SlotMemory.Tile tile = memory.tileOf(shape, 0);
    long pruned = 0;
    long zeros = 0;
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      DeviceRows weights = matrix.bring(tile, first, rows);
      queue
          .pruning()
          .select(
              weights, norms, rule, weights, mask == null ? null : tile.masks(), tile.reports());
      RowReports report = report(tile, rows);
      // Before the result replaces what may be its source, so that the element is still there.
      report.requireFinite(matrix, first);
      matrix.takeBack(weights, first);
      if (mask != null) {
        downloadMask(tile, shape, first, rows, mask);
      }
      pruned += report.sum(GpuSelectKernels.PICKED);
      zeros += report.sum(GpuSelectKernels.ZEROS);
      rowsDone.accept(first + rows);
    }
    return new Selection(pruned, zeros);
  }

  /** Brings numbers to the device, and waits until they are there. */
  void upload(float[] values, DevicePointer device) {
    MemorySegment staged = norms.exactly((long) values.length * Float.BYTES);
    MemorySegment.copy(values, 0, staged, ValueLayout.JAVA_FLOAT, 0, values.length);
    queue.upload(staged, device);
    queue.finish();
  }

  private void downloadMask(
      SlotMemory.Tile tile, TileShape shape, int first, int rows, MemorySegment mask) {
    long rowBytes = Selector.maskRowBytes(shape.columns());
    MemorySegment staged = masks.exactly(rows * rowBytes);
    queue.download(tile.masks(), shape.maskPitch(), staged, rowBytes, rowBytes, rows);
    queue.finish();
    MemorySegment.copy(staged, 0, mask, first * rowBytes, rows * rowBytes);
  }

  /** Waits for the reports of a tile's rows. */
  private RowReports report(SlotMemory.Tile tile, int rows) {
    MemorySegment staged =
        reports.exactly((long) rows * GpuSelectKernels.REPORT_INTS * Integer.BYTES);
    queue.download(tile.reports(), staged);
    queue.finish();
    return new RowReports(staged, rows);
  }

  /**
   * Reads all weights.
   *
   * @throws NonFiniteWeightException for the first that is not finite
   */
  void requireFinite(SlotMatrix matrix) {
    TileShape shape = matrix.shape();
    SlotMemory.Tile tile = memory.tileOf(shape, 0);
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      queue.pruning().inspect(matrix.bring(tile, first, rows), tile.reports());
      report(tile, rows).requireFinite(matrix, first);
    }
  }

  long[] countUpper(SlotMatrix matrix) {
    return count(matrix, Selector.UPPER_BINS, queue.pruning()::countUpper);
  }

  long[] countLower(SlotMatrix matrix, int upper) {
    return count(
        matrix,
        Selector.LOWER_BINS,
        (weights, bins) -> queue.pruning().countLower(weights, upper, bins));
  }

  private interface Counter {
    void count(DeviceRows weights, DevicePointer bins);
  }

  private long[] count(SlotMatrix matrix, int bins, Counter counter) {
    TileShape shape = matrix.shape();
    SlotMemory.Tile tile = memory.tileOf(shape, bins);
    DevicePointer onDevice = tile.counts();
    MemorySegment staged = counts.exactly((long) bins * Integer.BYTES);
    long[] sums = new long[bins];
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      DeviceRows weights = matrix.bring(tile, first, rows);
      queue.clear(onDevice, staged.byteSize());
      counter.count(weights, onDevice);
      queue.download(onDevice, staged);
      queue.finish();
      for (int bin = 0; bin < bins; bin++) {
        sums[bin] += Integer.toUnsignedLong(staged.getAtIndex(ValueLayout.JAVA_INT, bin));
      }
    }
    return sums;
  }

  @Override
  public void close() {
    queue.close();
    memory.close();
    transfer.close();
    masks.close();
    reports.close();
    norms.close();
    counts.close();
  }

  /**
   * A matrix in host memory, whose tiles travel to the device and back.
   *
   * @param destination where results go, or null where there are none
   */
  private record HostMatrix(TileTransfer transfer, WeightMatrix source, WeightMatrix destination)
      implements SlotMatrix {
    @Override
    public TileShape shape() {
      return new TileShape(source.dtype(), source.rows(), source.columns(), false);
    }

    @Override
    public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
      DeviceRows rows = shape().at(tile.weights(), count);
      transfer.upload(source.rows(first, count), rows);
      return rows;
    }

    @Override
    public void takeBack(DeviceRows pruned, int first) {
      if (destination != null) {
        transfer.download(pruned, destination.rows(first, pruned.rows()));
      }
    }

    @Override
    public float element(int row, int column) {
      return source.get(row, column);
    }
  }

  /**
   * What the pruning kernels report of each row, see {@link GpuSelectKernels}.
   *
   * @param memory the reports
   * @param rows how many
   */
  private record RowReports(MemorySegment memory, int rows) {
    /** Returns the sum of one of a report's numbers. */
    long sum(int which) {
      long sum = 0;
      for (int row = 0; row < rows; row++) {
        sum += Integer.toUnsignedLong(get(row, which));
      }
      return sum;
    }

    /**
     * Checks that no row has a weight that is not finite.
     *
     * @param matrix whose rows they are
     * @param firstRow the number of the first one in its matrix
     * @throws NonFiniteWeightException for the first such weight
     */
    void requireFinite(SlotMatrix matrix, int firstRow) {
      for (int row = 0; row < rows; row++) {
        int column = get(row, GpuSelectKernels.NON_FINITE);
        if (column != GpuSelectKernels.NONE) {
          float value = matrix.element(firstRow + row, column);
          throw new NonFiniteWeightException(firstRow + row, column, value);
        }
      }
    }

    private int get(int row, int which) {
      return memory.getAtIndex(
          ValueLayout.JAVA_INT, (long) row * GpuSelectKernels.REPORT_INTS + which);
    }
  }

  /**
   * A matrix in device memory that the caller owns. Kernels work on it where it lies or, where its
   * rows don't start at multiples of 16 bytes, on a copy of a tile.
   */
  private record CallerMatrix(DeviceQueue queue, DeviceRows rows) implements SlotMatrix {
    @Override
    public TileShape shape() {
      return new TileShape(rows.dtype(), rows.rows(), rows.columns(), rows.isAligned());
    }

    @Override
    public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
      DeviceRows part = rows.rowRange(first, count);
      if (rows.isAligned()) {
        return part;
      }
      DeviceRows copy = shape().at(tile.weights(), count);
      copy(part, copy);
      return copy;
    }

    @Override
    public void takeBack(DeviceRows pruned, int first) {
      if (!rows.isAligned()) {
        copy(pruned, rows.rowRange(first, pruned.rows()));
        queue.finish();
      }
    }

    private void copy(DeviceRows from, DeviceRows to) {
      queue.copy(from.data(), from.pitch(), to.data(), to.pitch(), from.rowBytes(), from.rows());
    }

    /**
     * In place the kernel may have pruned it: then nobody knows what it was, but that it is none.
     */
    @Override
    public float element(int row, int column) {
      try (Arena arena = Arena.ofConfined()) {
        DType dtype = rows.dtype();
        MemorySegment host = arena.allocate(dtype.bytes(), Integer.BYTES);
        queue.complete(
            () -> queue.download(rows.rowRange(row, 1).columnRange(column, 1).data(), host));
        float value = WeightMatrix.of(host, dtype, 1, 1).get(0, 0);
        return Float.isFinite(value) ? Float.NaN : value;
      }
    }
  }
}
