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
 * What one call of the selector needs: a queue, room on the device for a tile, and pinned memory
 * through which weights travel that are not pinned themselves. A matrix goes through it tile by
 * tile. For one thread at a time.
 */
final class SelectionSlot implements AutoCloseable {
  private final DeviceQueue queue;
  private final PinnedMemory pinned;
  private final SlotMemory memory;
  private final GrowingMemory weights;
  private final GrowingMemory masks;

  /** Pinned memory for norms, counts or reports; only one of these is copied at a time. */
  private final GrowingMemory numbers;

  /**
   * Creates a queue; memory is allocated when {@link #reserve} asks for it.
   *
   * @param tileBytes the most bytes of weights of a tile
   */
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
   * @param shape of the matrix
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one row
   */
  void reserve(SlotMatrix.TileShape shape, int bins) {
    memory.tileOf(shape, bins);
  }

  /** Returns the queue of all work in this slot. */
  DeviceQueue queue() {
    return queue;
  }

  private SlotMemory.Tile begin(SlotMatrix matrix, int bins) {
    matrix.begin(queue);
    return memory.tileOf(matrix.shape(), bins);
  }

  /** Queues a copy to the device. The weights must not change until the queue is finished. */
  void upload(WeightMatrix from, DeviceRows to) {
    HostRows.upload(queue, from, pinned.contains(from.data()), weights::exactly, to);
  }

  /** Copies rows from the device to host memory and waits for the copy. */
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
   * Prunes a matrix, tile by tile.
   *
   * @param matrix takes the result back itself
   * @param norms on the device, as {@link GpuSelectKernels#select} takes them
   * @param mask in host memory, as {@link io.github.wandacuda.select.SelectionPlan#select} takes
   *     it; or null
   * @param rowsDone called after each tile with the number of rows that are pruned
   * @throws NonFiniteWeightException if a weight is NaN or infinite; the rows of tiles before it
   *     are pruned
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
      // Before the result may replace its source, so that the element can still be read for the
      // message.
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

  /** Copies numbers to the device and waits for the copy. */
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

  /** Copies the reports of a tile's rows to the host and waits for them. */
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

  /**
   * Counts magnitudes as {@link Selector#countMagnitudes} does.
   *
   * @return a count for each bin; the caller's
   */
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

  /** The reports of the pruning kernels about rows, see {@link GpuSelectKernels}. */
  private record RowReports(MemorySegment memory, int rows) {
    /**
     * Adds a number up over all rows.
     *
     * @param which its place in a report, such as {@link GpuSelectKernels#PICKED}
     */
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
     * @param slot reads the weight for the message
     * @param matrix whose rows these are
     * @param firstRow the number of the first of these rows in the matrix
     * @throws NonFiniteWeightException for the first such weight
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
   * A slot's room on the device: rows of weights, and what kernels write about them. If the device
   * is short of memory, there is room for fewer rows.
   */
  private final class SlotMemory implements AutoCloseable {
    /** The most bytes of a tile; halved whenever the device lacks memory for so many. */
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
     * @param rows how many rows fit
     * @param weights room for weights, or null if the weights are read in place
     * @param masks room for their mask
     * @param reports room for a report of each row
     * @param counts room for counts, or null if none are counted
     */
    record Tile(
        int rows,
        DevicePointer weights,
        DevicePointer masks,
        DevicePointer reports,
        DevicePointer counts) {}

    /**
     * Makes room for a tile of a matrix, of one row at least, and for counts.
     *
     * @param bins how many counts, or 0
     * @throws DeviceMemoryException if there isn't room for one row
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
          // Room for the weights alone may have been found; it has to go, too, or it would leave
          // none for the masks and reports.
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
