package io.github.wandacuda.device.cuda.driver;

import io.github.wandacuda.device.DevicePointer;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Rows that are copied between host and device, whose pitches may differ.
 *
 * @param host where the first row is in host memory
 * @param hostPitch bytes from a row to the next there
 * @param device where the first row is in device memory
 * @param devicePitch bytes from a row to the next there
 * @param rowBytes bytes of a row
 * @param rows how many
 */
public record RowCopy(
    MemorySegment host,
    long hostPitch,
    DevicePointer device,
    long devicePitch,
    long rowBytes,
    long rows) {
  /** Rows of one call; the driver names no limit, and at this size a call's cost is gone. */
  private static final long MOST_ROWS = 1 << 20;

  /** Checks that the rows are in both memories. */
  public RowCopy {
    if (rowBytes < 0 || rows < 0 || (rows > 1 && Math.min(hostPitch, devicePitch) < rowBytes)) {
      throw new IllegalArgumentException(
          "%d rows of %d bytes with pitches of %d and %d"
              .formatted(rows, rowBytes, hostPitch, devicePitch));
    }
    if (rows > 0) {
      host.asSlice(0, Math.addExact(Math.multiplyExact(rows - 1, hostPitch), rowBytes));
      device.plus(Math.addExact(Math.multiplyExact(rows - 1, devicePitch), rowBytes));
    }
  }

  /**
   * Cuts the rows into what one call of the driver copies.
   *
   * @param maximumPitch the largest pitch of a two-dimensional copy
   */
  public void pieces(long maximumPitch, Consumer<CopyPiece> each) {
    if (rowBytes == 0 || rows == 0) {
      return;
    }
    if (rows == 1 || (hostPitch == rowBytes && devicePitch == rowBytes)) {
      each.accept(piece(0, 1, rows * rowBytes));
      return;
    }
    long most = Math.max(hostPitch, devicePitch) > maximumPitch ? 1 : MOST_ROWS;
    for (long row = 0; row < rows; row += most) {
      each.accept(piece(row, Math.min(most, rows - row), rowBytes));
    }
  }

  private CopyPiece piece(long row, long count, long bytes) {
    return new CopyPiece(
        host.asSlice(row * hostPitch),
        hostPitch,
        device.plus(row * devicePitch),
        devicePitch,
        bytes,
        count);
  }
}
