package io.github.wandacuda.backend.gpu;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Rows that are copied between host and device memory or within a device; their distances may
 * differ on both sides.
 *
 * @param from where the rows are
 * @param to where they go
 * @param rowBytes bytes of each row that are copied
 * @param rows how many rows
 */
public record RowCopy(Place from, Place to, long rowBytes, long rows) {
  /**
   * The most rows of one call. The driver documents no limit; with so many rows the cost of a call
   * is negligible.
   */
  private static final long MOST_ROWS = 1 << 20;

  /**
   * Where rows begin, on the host or on the device.
   *
   * @param host host memory from the first row on, or null if they are on the device
   * @param device the address of the first row on the device, or null if they are on the host
   * @param pitch bytes from a row to the next
   */
  public record Place(MemorySegment host, DevicePointer device, long pitch) {
    /**
     * Returns a place in host memory.
     *
     * @param pitch bytes from a row to the next
     */
    public static Place of(MemorySegment host, long pitch) {
      return new Place(host, null, pitch);
    }

    /**
     * Returns a place on the device.
     *
     * @param pitch bytes from a row to the next
     */
    public static Place of(DevicePointer device, long pitch) {
      return new Place(null, device, pitch);
    }

    /** Returns whether the rows are in host memory. */
    public boolean isHost() {
      return host != null;
    }

    private Place plus(long bytes) {
      return isHost() ? of(host.asSlice(bytes), pitch) : of(device.plus(bytes), pitch);
    }
  }

  /**
   * Checks that the rows lie within their memory.
   *
   * @throws IllegalArgumentException if sizes are negative or rows of one side overlap
   * @throws IndexOutOfBoundsException if the last row ends behind the memory's end
   */
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

  /** Returns whether there is nothing to copy. */
  public boolean isEmpty() {
    return rowBytes == 0 || rows == 0;
  }

  /** Returns the rows as one long row if they lie side by side on both sides, else as they are. */
  public RowCopy joined() {
    return rows == 1 || (from.pitch == rowBytes && to.pitch == rowBytes)
        ? new RowCopy(from, to, rows * rowBytes, 1)
        : this;
  }

  /**
   * Divides the rows into pieces that a driver copies in one call.
   *
   * @param maximumPitch the largest distance of rows that the driver takes, in bytes; rows further
   *     apart are copied one by one
   * @param each called in the rows' order; never if there is nothing to copy
   */
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
