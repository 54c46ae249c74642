package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.LongConsumer;

/**
 * Selection on a GPU. Every call has a {@link SelectionSlot} to itself: a queue with room for a
 * tile on the device. So while one call's kernel runs, another's tile comes in and a third one's
 * goes out, as long as several threads call.
 */
final class GpuSelector implements Selector, AutoCloseable {
  /** The lowest bin of the magnitudes' upper bits that holds infinities and NaNs. */
  private static final int NON_FINITE_BIN = 0x7f80;

  private final SlotPool pool;

  /**
   * Creates a selector without slots.
   *
   * @param device stays the caller's to close, after this
   * @param pinned knows which host memory the device reads by itself
   * @param tileBytes the most bytes of a tile
   */
  public GpuSelector(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    pool = new SlotPool(device, pinned, tileBytes);
  }

  GpuPlan plan(SelectionArguments arguments) {
    return new GpuPlan(pool, arguments);
  }

  /** A matrix whose elements are in host memory too, or there alone. */
  private interface KnownMatrix extends SlotMatrix {
    /** Returns the elements, as they were. */
    WeightMatrix host();

    @Override
    default TileShape shape() {
      return new TileShape(host().dtype(), host().rows(), host().columns(), false);
    }

    @Override
    default float element(SelectionSlot slot, int row, int column) {
      return host().get(row, column);
    }
  }

  /**
   * A matrix in host memory, whose tiles travel to the device and back.
   *
   * @param destination where results go, or null where there are none
   */
  record HostMatrix(WeightMatrix host, WeightMatrix destination) implements KnownMatrix {
    @Override
    public DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count) {
      DeviceRows rows = shape().at(room, count);
      slot.upload(host.rows(first, count), rows);
      return rows;
    }

    @Override
    public void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first) {
      if (destination != null) {
        slot.download(pruned, destination.rows(first, pruned.rows()));
      }
    }
  }

  @Override
  public SelectionPlan prepare(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return plan(new SelectionArguments(dtype, columns, norms, rule));
  }

  @Override
  public void countMagnitudes(WeightMatrix source, OptionalInt upper, long[] counts) {
    SelectionArguments.checkBins(upper, counts);
    if (source.elements() > 0) {
      count(new HostMatrix(source, null), upper, counts);
    }
  }

  /** Counts a matrix; fails if upper bits are counted and a weight isn't finite. */
  void count(SlotMatrix matrix, OptionalInt upper, long[] counts) {
    long[] found = pool.with(matrix, counts.length, slot -> slot.count(matrix, upper));
    for (int bin = NON_FINITE_BIN; upper.isEmpty() && bin < UPPER_BINS; bin++) {
      if (found[bin] != 0) {
        requireFinite(matrix);
        throw new IllegalStateException("the weights changed while they were counted");
      }
    }
    for (int bin = 0; bin < counts.length; bin++) {
      counts[bin] += found[bin];
    }
  }

  /** Reads a matrix, and fails if a weight isn't finite. */
  void requireFinite(SlotMatrix matrix) {
    pool.with(
        matrix,
        0,
        slot -> {
          slot.requireFinite(matrix);
          return null;
        });
  }

  @Override
  public void close() {
    pool.close();
  }

  /** Prunes matrices by one rule and one vector of norms, which lies on the device. */
  static final class GpuPlan implements SelectionPlan {
    private final SlotPool pool;
    private final SelectionArguments arguments;

    /** Null where there are no columns. */
    private final DeviceBuffer norms;

    private boolean closed;

    /** Brings the norms to the device. */
    GpuPlan(SlotPool pool, SelectionArguments arguments) {
      this.pool = pool;
      this.arguments = arguments;
      norms = arguments.columns() == 0 ? null : pool.upload(arguments.norms());
    }

    @Override
    public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
      arguments.check(source, destination, mask);
      if (source.elements() == 0) {
        return new Selection(0, 0);
      }
      return select(new GpuSelector.HostMatrix(source, destination), mask, rowsDone -> {});
    }

    Selection select(SlotMatrix matrix, MemorySegment mask, LongConsumer rowsDone) {
      return pool.with(
          matrix, 0, slot -> slot.select(matrix, norms.at(0), arguments.rule(), mask, rowsDone));
    }

    @Override
    public Selection select(
        ResidentMatrix matrix, int first, WeightMatrix rows, MemorySegment mask) {
      arguments.check(rows, rows, Objects.requireNonNull(mask, "mask"));
      if (rows.elements() == 0) {
        return new Selection(0, 0);
      }
      Selection selection = select(held(matrix, first, rows), mask, rowsDone -> {});
      Mask.of(mask, rows.rows(), rows.columns()).applyTo(rows);
      return selection;
    }

    private static SlotMatrix held(ResidentMatrix matrix, int first, WeightMatrix rows) {
      DType dtype =
          switch (matrix) {
            case DeviceRows numbers -> numbers.dtype();
            case DeviceCodes unused -> DType.F32;
            default -> throw new IllegalArgumentException("a matrix of another backend");
          };
      if (dtype != rows.dtype() || matrix.columns() != rows.columns()) {
        throw new IllegalArgumentException(
            "%d columns of %s on the device, %d of %s on the host"
                .formatted(matrix.columns(), dtype, rows.columns(), rows.dtype()));
      }
      Objects.checkFromIndexSize(first, rows.rows(), matrix.rows());
      return matrix instanceof DeviceRows numbers
          ? new HeldMatrix(numbers.rowRange(first, rows.rows()), rows)
          : new HeldCodes((DeviceCodes) matrix, first, rows);
    }

    @Override
    public synchronized void close() {
      if (norms != null && !closed) {
        closed = true;
        pool.keep(norms);
      }
    }

    /**
     * A matrix that lies on the device and in host memory too: kernels prune the one, and nothing
     * of it travels.
     */
    private record HeldMatrix(DeviceRows rows, WeightMatrix host) implements KnownMatrix {
      @Override
      public TileShape shape() {
        return new TileShape(rows.dtype(), rows.rows(), rows.columns(), true);
      }

      @Override
      public DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count) {
        return rows.rowRange(first, count);
      }

      @Override
      public void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first) {}
    }

    /**
     * Codes that lie on the device, and their elements in host memory: kernels widen rows, select
     * in them and prune the codes by the mask.
     */
    private record HeldCodes(DeviceCodes codes, int firstRow, WeightMatrix host)
        implements KnownMatrix {
      @Override
      public DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count) {
        DeviceRows rows = shape().at(room, count);
        slot.queue().forward().widen(codes, firstRow + first, rows);
        return rows;
      }

      @Override
      public void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first) {
        slot.queue().forward().prune(codes, firstRow + first, mask, pruned);
      }
    }
  }
}
