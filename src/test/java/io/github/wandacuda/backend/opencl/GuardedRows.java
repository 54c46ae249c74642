package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Rows of weights in memory that begins and ends with bytes which nobody may change. */
final class GuardedRows implements AutoCloseable {
  private static final byte UNTOUCHED = 0x33;
  private static final int AROUND = 64;

  private final DType dtype;
  private final int rows;
  private final int columns;
  private final long stride;
  private final DeviceQueue queue;
  private final DeviceBuffer buffer;
  private final byte[] image;

  /**
   * Allocates and fills rows.
   *
   * @param padding 16-byte units between a row's end, rounded up to such a unit, and the next row
   */
  GuardedRows(OpenClDevice device, DeviceQueue queue, DType dtype, int[][] bits, int padding) {
    this.dtype = dtype;
    this.rows = bits.length;
    this.columns = bits[0].length;
    this.queue = queue;
    int perUnit = GpuSelectKernels.ROW_ALIGNMENT / dtype.bytes();
    stride = (Math.ceilDiv(columns, perUnit) + (long) padding) * perUnit;
    image = new byte[(int) (rows * stride * dtype.bytes()) + 2 * AROUND];
    Arrays.fill(image, UNTOUCHED);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        set(image, r, c, bits[r][c]);
      }
    }
    buffer = device.allocate(image.length);
    try (Arena arena = Arena.ofConfined()) {
      queue.upload(arena.allocateFrom(ValueLayout.JAVA_BYTE, image), buffer.at(0));
      queue.finish();
    }
  }

  DeviceRows matrix() {
    DevicePointer start = buffer.at(AROUND);
    return new DeviceRows(start, dtype, rows, columns, stride);
  }

  /** Returns the bytes that were put there. */
  byte[] original() {
    return image.clone();
  }

  /** Returns the bytes that are there now. */
  byte[] bytes() {
    return read(queue, buffer.at(0), image.length);
  }

  /** Changes an element in a copy of the bytes. */
  void set(byte[] bytes, int row, int column, int bits) {
    MemorySegment at = MemorySegment.ofArray(bytes);
    long offset = AROUND + (row * stride + column) * dtype.bytes();
    if (dtype == DType.F32) {
      at.set(ValueLayout.JAVA_INT_UNALIGNED, offset, bits);
    } else {
      at.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) bits);
    }
  }

  static byte[] read(DeviceQueue queue, DevicePointer from, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes);
      queue.download(from, host);
      queue.finish();
      return host.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static int[] readInts(DeviceQueue queue, DevicePointer from, int count) {
    int[] ints = new int[count];
    ByteBuffer.wrap(read(queue, from, count * Integer.BYTES))
        .order(ByteOrder.LITTLE_ENDIAN)
        .asIntBuffer()
        .get(ints);
    return ints;
  }

  @Override
  public void close() {
    buffer.close();
  }
}
