package io.github.wandacuda.backend.gpu;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Rows that are copied between host and device memory or within a device, whose pitches may differ.
 */
public record RowCopy(Place from, Place to, long rowBytes, long rows) {
  /**
   * The most rows of one call. The driver documents no limit; with so many rows the cost of a call
   * is negligible.
   */
  private static final long MOST_ROWS = 1 << 20;

  /**
   * Where rows begin.
   *
   * @param host host memory from the first row on, or null if they are on the device
   * @param device the address of the first row on the device, or null
   * @param pitch bytes from a row to the next
   */
  public record Place(MemorySegment host, DevicePointer device, long pitch) {
    public static Place of(MemorySegment host, long pitch) {
      return new Place(host, null, pitch);
    }

    public static Place of(DevicePointer device, long pitch) {
      return new Place(null, device, pitch);
    }

    public boolean isHost() {
      return host != null;
    }

    private Place plus(long bytes) {
      return isHost() ? of(host.asSlice(bytes), pitch) : of(device.plus(bytes), pitch);
    }
  }

  public RowCopy {
    if (rowBytes < 0 || rows < 0 || (rows > 1 && Math.min(from.pitch, to.pitch) < rowBytes)) {
      throw new IllegalArgumentException(
          "%d rows of %d bytes with pitches of %d and %d"
              .formatted(rows, rowBytes, from.pitch, to.pitch));
    }
    if (rows > 0) {
      from.plus(Math.addExact(Math.multiplyExact(rows - 1, from.pitch), rowBytes));
      to.plus(Math.addExact(Math.multiplyExact(rows - 1, to.pitch), rowBytes));
    }
  }

  public boolean isEmpty() {
    return rowBytes == 0 || rows == 0;
  }

  /** Returns rows that lie side by side on both sides as one row, others as they are. */
  public RowCopy joined() {
    return rows == 1 || (from.pitch == rowBytes && to.pitch == rowBytes)
        ? new RowCopy(from, to, rows * rowBytes, 1)
        : this;
  }

  /** Divides the rows into pieces of one row, or of many with a pitch that a driver takes. */
  public void pieces(long maximumPitch, Consumer<RowCopy> each) {
    if (isEmpty()) {
      return;
    }
    RowCopy joined = joined();
    if (joined.rows == 1) {
      each.accept(joined);
      return;
    }
    long most = Math.max(from.pitch, to.pitch) > maximumPitch ? 1 : MOST_ROWS;
    for (long row = 0; row < rows; row += most) {
      Place start = from.plus(row * from.pitch);
      Place end = to.plus(row * to.pitch);
      each.accept(new RowCopy(start, end, rowBytes, Math.min(most, rows - row)));
    }
  }
}
