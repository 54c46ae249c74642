package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.util.Objects;
import java.util.function.Function;

/**
 * Selection on a GPU. Every call has a {@link SelectionSlot} to itself: a queue with room for a
 * tile on the device. So while one call's kernel runs, another's tile comes in and a third one's
 * goes out, as long as several threads call.
 */
final class GpuSelector implements Selector, AutoCloseable {
  /** The lowest bin of the magnitudes' upper bits that holds infinities and NaNs. */
  private static final int NON_FINITE_BIN = 0x7f80;

  private final SlotPool pool;

  public GpuSelector(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    pool = new SlotPool(device, pinned, tileBytes);
  }

  SlotPool pool() {
    return pool;
  }

  /** Returns the room that a tile of a matrix in host memory takes. */
  static TileShape shape(WeightMatrix matrix) {
    return new TileShape(matrix.dtype(), matrix.rows(), matrix.columns(), false);
  }

  @Override
  public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return new GpuPlan(pool, new SelectionArguments(dtype, columns, norms, rule));
  }

  @Override
  public void countMagnitudes(WeightMatrix source, long[] counts) {
    SelectionArguments.checkBins(counts, UPPER_BINS);
    if (source.elements() > 0) {
      countUpper(shape(source), slot -> slot.host(source, null), counts);
    }
  }

  /** Counts a matrix of a shape that a slot makes ready, and fails if a weight isn't finite. */
  void countUpper(TileShape shape, Function<SelectionSlot, SlotMatrix> matrix, long[] counts) {
    long[] found = pool.with(shape, UPPER_BINS, slot -> slot.countUpper(matrix.apply(slot)));
    for (int bin = NON_FINITE_BIN; bin < UPPER_BINS; bin++) {
      if (found[bin] != 0) {
        requireFinite(shape, matrix);
        throw new IllegalStateException("the weights changed while they were counted");
      }
    }
    add(found, counts);
  }

  /** Reads a matrix of a shape that a slot makes ready, and fails if a weight isn't finite. */
  void requireFinite(TileShape shape, Function<SelectionSlot, SlotMatrix> matrix) {
    pool.with(
        shape,
        0,
        slot -> {
          slot.requireFinite(matrix.apply(slot));
          return null;
        });
  }

  @Override
  public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
    Objects.checkIndex(upper, UPPER_BINS);
    SelectionArguments.checkBins(counts, LOWER_BINS);
    if (source.elements() > 0) {
      countLower(shape(source), slot -> slot.host(source, null), upper, counts);
    }
  }

  /** Counts a matrix of a shape that a slot makes ready. */
  void countLower(
      TileShape shape, Function<SelectionSlot, SlotMatrix> matrix, int upper, long[] counts) {
    add(pool.with(shape, LOWER_BINS, slot -> slot.countLower(matrix.apply(slot), upper)), counts);
  }

  private static void add(long[] found, long[] counts) {
    for (int bin = 0; bin < counts.length; bin++) {
      counts[bin] += found[bin];
    }
  }

  @Override
  public void close() {
    pool.close();
  }
}
