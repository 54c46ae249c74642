package io.github.wandacuda.backend.gpu;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** Prunes matrices by one rule and one vector of norms, which lies on the device. */
final class GpuPlan implements SelectionPlan {
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
    return pool.with(
        GpuSelector.shape(source),
        0,
        slot ->
            slot.select(
                slot.host(source, destination),
                norms.at(0),
                arguments.rule(),
                mask,
                rowsDone -> {}));
  }

  @Override
  public Selection select(ResidentMatrix matrix, int first, WeightMatrix rows, MemorySegment mask) {
    arguments.check(rows, rows, Objects.requireNonNull(mask, "mask"));
    if (rows.elements() == 0) {
      return new Selection(0, 0);
    }
    HeldMatrix held = held(matrix, first, rows);
    Selection selection =
        pool.with(
            held.shape(),
            0,
            slot -> slot.select(held, norms.at(0), arguments.rule(), mask, rowsDone -> {}));
    HostZeros.clear(rows, mask);
    return selection;
  }

  private static HeldMatrix held(ResidentMatrix matrix, int first, WeightMatrix rows) {
    if (!(matrix instanceof ResidentRows own)) {
      throw new IllegalArgumentException("a matrix of another backend");
    }
    DeviceRows all = own.matrix();
    if (all.dtype() != rows.dtype() || all.columns() != rows.columns()) {
      throw new IllegalArgumentException(
          "%d columns of %s on the device, %d of %s on the host"
              .formatted(all.columns(), all.dtype(), rows.columns(), rows.dtype()));
    }
    Objects.checkFromIndexSize(first, rows.rows(), all.rows());
    return new HeldMatrix(all.rowRange(first, rows.rows()), rows);
  }

  @Override
  public synchronized void close() {
    if (norms != null && !closed) {
      closed = true;
      pool.keep(norms);
    }
  }

  /**
   * A matrix that lies on the device and in host memory too: kernels prune the one, and nothing of
   * it travels.
   *
   * @param host the same elements, as they were
   */
  private record HeldMatrix(DeviceRows rows, WeightMatrix host) implements SlotMatrix {
    @Override
    public TileShape shape() {
      return new TileShape(rows.dtype(), rows.rows(), rows.columns(), true);
    }

    @Override
    public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
      return rows.rowRange(first, count);
    }

    @Override
    public void takeBack(DeviceRows pruned, int first) {}

    @Override
    public float element(int row, int column) {
      return host.get(row, column);
    }
  }

  /** Sets to +0.0 in host memory what a packed mask prunes, several elements at a time. */
  private static final class HostZeros {
    private HostZeros() {}

    /** Returns, by a mask's next bits, the bits of eight bytes of elements that stay. */
    private static long[] table(int bytes) {
      int elements = Long.BYTES / bytes;
      long whole = -1L >>> (Long.SIZE - bytes * Byte.SIZE);
      long[] table = new long[1 << elements];
      for (int bits = 0; bits < table.length; bits++) {
        for (int element = 0; element < elements; element++) {
          if ((bits >>> element & 1) != 0) {
            table[bits] |= whole << element * bytes * Byte.SIZE;
          }
        }
      }
      return table;
    }

    /**
     * Clears the pruned elements.
     *
     * @param mask as {@link io.github.wandacuda.select.SelectionPlan#select} packs it
     */
    static void clear(WeightMatrix rows, MemorySegment mask) {
      long[] table = table(rows.dtype().bytes());
      long maskRowBytes = Selector.maskRowBytes(rows.columns());
      for (int row = 0; row < rows.rows(); row++) {
        long maskAt = row * maskRowBytes;
        int from = rows.hasDenseRows() ? clearTogether(rows, row, mask, maskAt, table) : 0;
        for (int column = from; column < rows.columns(); column++) {
          int bits = mask.get(ValueLayout.JAVA_BYTE, maskAt + column / Byte.SIZE);
          if ((bits >>> column % Byte.SIZE & 1) == 0) {
            rows.set(row, column, 0);
          }
        }
      }
    }

    /** Clears a row by eight bytes and returns how many columns that were. */
    private static int clearTogether(
        WeightMatrix rows, int row, MemorySegment mask, long maskAt, long[] table) {
      MemorySegment data = rows.data();
      long at = rows.byteOffset(row, 0);
      int bytes = rows.dtype().bytes();
      int together = Long.BYTES / bytes;
      int columns = rows.columns() / Byte.SIZE * Byte.SIZE;
      for (int column = 0; column < columns; column += Byte.SIZE) {
        int bits = mask.get(ValueLayout.JAVA_BYTE, maskAt + column / Byte.SIZE);
        for (int done = 0; done < Byte.SIZE; done += together) {
          long place = at + (long) (column + done) * bytes;
          data.set(LONG, place, data.get(LONG, place) & table[bits >>> done & table.length - 1]);
        }
      }
      return columns;
    }
  }
}
