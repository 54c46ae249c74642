package io.github.wandacuda.scalar;

import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Copies pieces of a weight matrix's rows into a Java array and widens them exactly to float32.
 * Kernels read weights only by this class: if the memory is a mapping of a file that was truncated
 * meanwhile, a bulk copy fails with an error, while a compiled loop of loads could crash the JVM.
 *
 * <p>Not safe for several threads; each has its own.
 */
public final class WeightReader {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BUFFER = 1024;

  private final short[] halves = new short[BUFFER];

  /**
   * Copies {@code count} elements of row {@code row} from column {@code column} on.
   *
   * @param destination the array that receives them, from {@code offset} on
   */
  public void read(
      WeightMatrix matrix, int row, int column, int count, float[] destination, int offset) {
    switch (matrix.dtype()) {
      case F32 -> copyFloats(matrix, row, column, count, destination, offset);
      case F16 -> {
        for (int done = 0; done < count; done += BUFFER) {
          int part = copyHalves(matrix, row, column + done, count - done);
          for (int i = 0; i < part; i++) {
            destination[offset + done + i] = Float.float16ToFloat(halves[i]);
          }
        }
      }
      case BF16 -> {
        for (int done = 0; done < count; done += BUFFER) {
          int part = copyHalves(matrix, row, column + done, count - done);
          for (int i = 0; i < part; i++) {
            destination[offset + done + i] = Float.intBitsToFloat(halves[i] << 16);
          }
        }
      }
    }
  }

  private static void copyFloats(
      WeightMatrix matrix, int row, int column, int count, float[] destination, int offset) {
    long from = matrix.byteOffset(row, column);
    if (matrix.hasDenseRows()) {
      MemorySegment.copy(matrix.data(), FLOAT, from, destination, offset, count);
      return;
    }
    long step = matrix.columnStride() * Float.BYTES;
    for (int i = 0; i < count; i++) {
      destination[offset + i] = matrix.data().get(FLOAT, from + i * step);
    }
  }

  /** Copies as many elements as fit into the buffer and returns their number. */
  private int copyHalves(WeightMatrix matrix, int row, int column, int wanted) {
    int count = Math.min(BUFFER, wanted);
    long from = matrix.byteOffset(row, column);
    if (matrix.hasDenseRows()) {
      MemorySegment.copy(matrix.data(), SHORT, from, halves, 0, count);
      return count;
    }
    long step = matrix.columnStride() * Short.BYTES;
    for (int i = 0; i < count; i++) {
      halves[i] = matrix.data().get(SHORT, from + i * step);
    }
    return count;
  }
}
