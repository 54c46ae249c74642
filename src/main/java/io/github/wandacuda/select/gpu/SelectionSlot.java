package io.github.wandacuda.select.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceMemoryException;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.GpuSelectKernels;
import io.github.wandacuda.device.PinnedMemory;
import io.github.wandacuda.device.StagingBuffer;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

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
  void reserve(WeightMatrix matrix, int bins) {
    memory.tileOf(matrix, bins);
  }

  Selection select(
      WeightMatrix source,
      DevicePointer norms,
      SelectionRule rule,
      WeightMatrix destination,
      MemorySegment mask) {
    SlotMemory.Tile tile = memory.tileOf(source, 0);
    long pruned = 0;
    long zeros = 0;
    for (int first = 0; first < source.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), source.rows() - first);
      WeightMatrix from = source.rows(first, rows);
      DeviceRows weights = tile.matrix(source, rows);
      transfer.upload(from, weights);
      queue
          .pruning()
          .select(
              weights, norms, rule, weights, mask == null ? null : tile.masks(), tile.reports());
      RowReports report = report(tile, rows);
      // Before the result replaces what may be its source, so that the element is still there.
      report.requireFinite(from, first);
      if (destination != null) {
        transfer.download(weights, destination.rows(first, rows));
      }
      if (mask != null) {
        downloadMask(tile, source.columns(), first, rows, mask);
      }
      pruned += report.sum(GpuSelectKernels.PICKED);
      zeros += report.sum(GpuSelectKernels.ZEROS);
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
      SlotMemory.Tile tile, int columns, int first, int rows, MemorySegment mask) {
    long rowBytes = Selector.maskRowBytes(columns);
    MemorySegment staged = masks.exactly(rows * rowBytes);
    queue.download(tile.masks(), SlotMemory.maskPitch(columns), staged, rowBytes, rowBytes, rows);
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

  /** Returns the failure for the first weight that is not finite, of which there is one. */
  NonFiniteWeightException firstNonFinite(WeightMatrix source) {
    SlotMemory.Tile tile = memory.tileOf(source, 0);
    for (int first = 0; first < source.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), source.rows() - first);
      WeightMatrix from = source.rows(first, rows);
      transfer.upload(from, tile.matrix(source, rows));
      queue.pruning().inspect(tile.matrix(source, rows), tile.reports());
      report(tile, rows).requireFinite(from, first);
    }
    throw new IllegalStateException("all weights are finite");
  }

  long[] countUpper(WeightMatrix source) {
    return count(source, Selector.UPPER_BINS, queue.pruning()::countUpper);
  }

  long[] countLower(WeightMatrix source, int upper) {
    return count(
        source,
        Selector.LOWER_BINS,
        (weights, bins) -> queue.pruning().countLower(weights, upper, bins));
  }

  private interface Counter {
    void count(DeviceRows weights, DevicePointer bins);
  }

  private long[] count(WeightMatrix source, int bins, Counter counter) {
    SlotMemory.Tile tile = memory.tileOf(source, bins);
    DevicePointer onDevice = tile.counts();
    MemorySegment staged = counts.exactly((long) bins * Integer.BYTES);
    long[] sums = new long[bins];
    for (int first = 0; first < source.rows(); first += tile.rows()) {
      int rows = Math.min(tile.rows(), source.rows() - first);
      transfer.upload(source.rows(first, rows), tile.matrix(source, rows));
      queue.clear(onDevice, staged.byteSize());
      counter.count(tile.matrix(source, rows), onDevice);
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
}
