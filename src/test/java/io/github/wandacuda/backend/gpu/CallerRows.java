package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * A matrix in a program's device memory, and the same bytes on the host.
 *
 * @param program whose memory it is
 * @param host all bytes of the memory as they were
 */
record CallerRows(CallerProgram program, long memory, byte[] host, DeviceMatrix matrix) {
  private static final byte NOBODYS = 0x5a;

  /** Where a matrix lies in its memory, and how far its rows are apart. */
  enum Place {
    ALIGNED(0, 16, 0),
    PADDED(48, 16, 32),
    DENSE(0, 1, 0),
    UNALIGNED_STRIDE(16, 1, 4),
    UNALIGNED_START(4, 16, 0),
    ODD_BYTE(1, 16, 16);

    private final int offset;
    private final int unit;
    private final int padding;

    Place(int offset, int unit, int padding) {
      this.offset = offset;
      this.unit = unit;
      this.padding = padding;
    }

    long stride(DType dtype, int columns) {
      int bytes = Math.ceilDiv(columns * dtype.bytes(), unit) * unit + padding;
      return bytes / dtype.bytes();
    }
  }

  static CallerRows of(CallerProgram program, Place place, int[][] bits, DType dtype) {
    int columns = bits[0].length;
    DeviceMatrix shape =
        new DeviceMatrix(
            0, place.offset, dtype, bits.length, columns, place.stride(dtype, columns), 0);
    byte[] host = new byte[(int) (place.offset + shape.span())];
    Arrays.fill(host, NOBODYS);
    for (int row = 0; row < bits.length; row++) {
      for (int column = 0; column < columns; column++) {
        put(host, shape, row, column, bits[row][column]);
      }
    }
    return of(program, host, shape);
  }

  private static CallerRows of(CallerProgram program, byte[] host, DeviceMatrix shape) {
    long memory = program.memory(host);
    DeviceMatrix matrix =
        new DeviceMatrix(
            memory,
            shape.byteOffset(),
            shape.dtype(),
            shape.rows(),
            shape.columns(),
            shape.rowStride(),
            program.queue());
    return new CallerRows(program, memory, host, matrix);
  }

  private static void put(byte[] host, DeviceMatrix shape, int row, int column, int bits) {
    MemorySegment to = MemorySegment.ofArray(host);
    long at = shape.byteOffset() + (row * shape.rowStride() + column) * shape.dtype().bytes();
    if (shape.dtype() == DType.F32) {
      to.set(ValueLayout.JAVA_INT_UNALIGNED, at, bits);
    } else {
      to.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) bits);
    }
  }

  /** Returns the matrix in a copy of the bytes, in host memory. */
  WeightMatrix onHost(MemorySegment copy) {
    copy.copyFrom(MemorySegment.ofArray(host));
    return new WeightMatrix(
        copy.asSlice(matrix.byteOffset()),
        matrix.dtype(),
        matrix.rows(),
        matrix.columns(),
        matrix.rowStride(),
        1);
  }

  MemorySegment room(Arena arena) {
    return arena.allocate(host.length, 16);
  }

  /** Returns the bytes that are there now. */
  byte[] now() {
    return program.read(memory, host.length);
  }
}
