package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalInt;
import java.util.function.LongConsumer;

/**
 * What one call of the selector needs: a queue, room on the device, and pinned memory for weights
 * that don't lie in any. A matrix goes through it tile by tile. For one thread at a time.
 */
final class SelectionSlot implements AutoCloseable {
  private final DeviceQueue queue;
  private final PinnedMemory pinned;
  private final SlotMemory memory;
  private final GrowingMemory weights;
  private final GrowingMemory masks;

  /** Norms, counts or reports, of which one kind is on its way at a time. */
  private final GrowingMemory numbers;

  SelectionSlot(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    queue = device.queue();
    this.pinned = pinned;
    memory = new SlotMemory(device, tileBytes);
    weights = new GrowingMemory(pinned::allocate);
    masks = new GrowingMemory(pinned::allocate);
    numbers = new GrowingMemory(pinned::allocate);
  }

  /**
   * Makes room for rows of a matrix and for counts.
   *
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one row
   */
  void reserve(SlotMatrix.TileShape shape, int bins) {
    memory.tileOf(shape, bins);
  }

  DeviceQueue queue() {
    return queue;
  }

  private SlotMemory.Tile begin(SlotMatrix matrix, int bins) {
    matrix.begin(queue);
    return memory.tileOf(matrix.shape(), bins);
  }

  /** Queues the way to the device; the weights stay as they are until the queue is finished. */
  void upload(WeightMatrix from, DeviceRows to) {
    HostRows.upload(queue, from, pinned.contains(from.data()), weights::exactly, to);
  }

  /** Takes the way back and waits for its end. */
  void download(DeviceRows from, WeightMatrix to) {
    long rowBytes = HostRows.rowBytes(to);
    if (HostRows.isByRows(to) && pinned.contains(to.data())) {
      Place host = Place.of(to.data(), HostRows.hostPitch(to));
      queue.copy(from.place(), host, rowBytes, to.rows());
      queue.finish();
      return;
    }
    MemorySegment staged = weights.exactly(to.rows() * rowBytes);
    queue.copy(from.place(), Place.of(staged, rowBytes), rowBytes, to.rows());
    queue.finish();
    DenseRows.scatter(staged, rowBytes, to);
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
    SlotMatrix.TileShape shape = matrix.shape();
    SlotMemory.Tile tile = begin(matrix, 0);
    long pruned = 0;
    long zeros = 0;
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      DeviceRows weights = matrix.bring(this, tile.weights(), first, rows);
      DevicePointer masks = mask == null ? null : tile.masks();
      queue.pruning().select(weights, norms, rule, weights, masks, tile.reports());
      RowReports report = report(tile, rows);
      // Before the result replaces what may be its source, so that the element is still there.
      report.requireFinite(this, matrix, first);
      matrix.takeBack(this, weights, masks, first);
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
    MemorySegment staged = numbers.exactly((long) values.length * Float.BYTES);
    MemorySegment.copy(values, 0, staged, ValueLayout.JAVA_FLOAT, 0, values.length);
    queue.send(staged, device);
  }

  private void downloadMask(
      SlotMemory.Tile tile, SlotMatrix.TileShape shape, int first, int rows, MemorySegment mask) {
    long rowBytes = Selector.maskRowBytes(shape.columns());
    MemorySegment staged = masks.exactly(rows * rowBytes);
    queue.copy(
        Place.of(tile.masks(), shape.maskPitch()), Place.of(staged, rowBytes), rowBytes, rows);
    queue.finish();
    MemorySegment.copy(staged, 0, mask, first * rowBytes, rows * rowBytes);
  }

  /** Waits for the reports of a tile's rows. */
  private RowReports report(SlotMemory.Tile tile, int rows) {
    MemorySegment staged =
        numbers.exactly((long) rows * GpuSelectKernels.REPORT_INTS * Integer.BYTES);
    queue.fetch(tile.reports(), staged);
    return new RowReports(staged, rows);
  }

  /**
   * Reads all weights.
   *
   * @throws NonFiniteWeightException for the first that is not finite
   */
  void requireFinite(SlotMatrix matrix) {
    SlotMatrix.TileShape shape = matrix.shape();
    SlotMemory.Tile tile = begin(matrix, 0);
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      queue.pruning().inspect(matrix.bring(this, tile.weights(), first, rows), tile.reports());
      report(tile, rows).requireFinite(this, matrix, first);
    }
  }

  /** Counts magnitudes as {@link Selector#countMagnitudes} does. */
  long[] count(SlotMatrix matrix, OptionalInt upper) {
    int bins = upper.isPresent() ? Selector.LOWER_BINS : Selector.UPPER_BINS;
    SlotMatrix.TileShape shape = matrix.shape();
    SlotMemory.Tile tile = begin(matrix, bins);
    DevicePointer onDevice = tile.counts();
    MemorySegment staged = numbers.exactly((long) bins * Integer.BYTES);
    long[] sums = new long[bins];
    for (int first = 0; first < shape.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), shape.rows() - first);
      DeviceRows weights = matrix.bring(this, tile.weights(), first, rows);
      queue.clear(onDevice, staged.byteSize());
      queue.pruning().count(weights, upper, onDevice);
      queue.fetch(onDevice, staged);
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
    weights.close();
    masks.close();
    numbers.close();
  }

  /** What the pruning kernels report of each row, see {@link GpuSelectKernels}. */
  private record RowReports(MemorySegment memory, int rows) {
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
     * @param firstRow the number of the first one in its matrix
     */
    void requireFinite(SelectionSlot slot, SlotMatrix matrix, int firstRow) {
      for (int row = 0; row < rows; row++) {
        int column = get(row, GpuSelectKernels.NON_FINITE);
        if (column != GpuSelectKernels.NONE) {
          float value = matrix.element(slot, firstRow + row, column);
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
   * A slot's room on the device: rows of weights, and what goes with them. Where the device is
   * short of memory, the room is for fewer rows.
   */
  private final class SlotMemory implements AutoCloseable {
    /** Less than was asked for once there wasn't room for so many. */
    private long tileBytes;

    private final GrowingBuffer weights;
    private final GrowingBuffer masks;
    private final GrowingBuffer reports;
    private final GrowingBuffer counts;

    SlotMemory(GpuDevice device, long tileBytes) {
      this.tileBytes = Math.min(tileBytes, device.largestBuffer());
      weights = new GrowingBuffer(device, queue);
      masks = new GrowingBuffer(device, queue);
      reports = new GrowingBuffer(device, queue);
      counts = new GrowingBuffer(device, queue);
    }

    /**
     * Room for rows.
     *
     * @param weights room for weights, or null where they stay where they are
     * @param counts room for counts, or null
     */
    record Tile(
        int rows,
        DevicePointer weights,
        DevicePointer masks,
        DevicePointer reports,
        DevicePointer counts) {}

    /**
     * Makes room for a tile of a matrix, for one row at the least, and for counts.
     *
     * @param bins how many counts, or 0
     */
    Tile tileOf(SlotMatrix.TileShape shape, int bins) {
      int rows = Math.clamp(tileBytes / shape.rowBytes(), 1, shape.rows());
      while (true) {
        try {
          return allocate(rows, shape, bins);
        } catch (DeviceMemoryException e) {
          if (rows == 1) {
            throw e;
          }
          rows /= 2;
          tileBytes = rows * shape.rowBytes();
          queue.finish();
          // Else weights that did fit would keep out what has to go with them.
          close();
        }
      }
    }

    private Tile allocate(int rows, SlotMatrix.TileShape shape, int bins) {
      return new Tile(
          rows,
          shape.inPlace() ? null : weights.atLeast(rows * shape.pitch()),
          masks.atLeast(rows * shape.maskPitch()),
          reports.atLeast((long) rows * GpuSelectKernels.REPORT_INTS * Integer.BYTES),
          bins == 0 ? null : counts.atLeast((long) bins * Integer.BYTES));
    }

    @Override
    public void close() {
      weights.close();
      masks.close();
      reports.close();
      counts.close();
    }
  }
}
