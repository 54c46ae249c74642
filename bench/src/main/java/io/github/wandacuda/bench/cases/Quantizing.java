package io.github.wandacuda.bench.cases;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/** Rounds matrices to codes, as those who publish quantized checkpoints do. */
final class Quantizing {
  private static final int BLOCK = 128;
  private static final int GROUP = 32;
  private static final float LARGEST_E4M3 = 448;
  private static final int EXPONENT_OF_ONE = 127;

  private Quantizing() {}

  /**
   * Quantizes a matrix.
   *
   * @param format {@code FP8}, of blocks of 128 x 128, or {@code MXFP4}
   */
  static QuantizedMatrix of(WeightMatrix weights, String format, Arena arena) {
    boolean fp8 = format.equals("FP8");
    int rows = weights.rows();
    int columns = weights.columns();
    int high = fp8 ? BLOCK : 1;
    int wide = fp8 ? BLOCK : GROUP;
    int groups = Math.ceilDiv(columns, wide);
    int scaleBytes = fp8 ? Float.BYTES : 1;
    MemorySegment scales =
        arena.allocate((long) Math.ceilDiv(rows, high) * groups * scaleBytes, Long.BYTES);
    NumberFormat number = fp8 ? NumberFormat.E4M3 : NumberFormat.E2M1;
    long rowBytes = Math.ceilDiv((long) columns * number.bits(), Byte.SIZE);
    QuantizedMatrix coded =
        new QuantizedMatrix(
            Codes.of(
                arena.allocate(rows * rowBytes, Long.BYTES),
                number,
                number.bits(),
                rows,
                columns,
                rowBytes),
            Scales.of(scales, fp8 ? NumberFormat.F32 : NumberFormat.E8M0, high, wide, groups));
    IntStream.range(0, Math.ceilDiv(rows, high))
        .parallel()
        .forEach(
            block -> {
              int end = Math.min(rows, (block + 1) * high);
              for (int group = 0; group < groups; group++) {
                int last = Math.min(columns, (group + 1) * wide);
                quantize(weights, coded, block * high, end, group * wide, last, fp8);
              }
            });
    return coded;
  }

  private static void quantize(
      WeightMatrix weights,
      QuantizedMatrix coded,
      int firstRow,
      int endRow,
      int first,
      int end,
      boolean fp8) {
    float largest = Float.MIN_NORMAL;
    for (int row = firstRow; row < endRow; row++) {
      for (int column = first; column < end; column++) {
        largest = Math.max(largest, Math.abs(weights.get(row, column)));
      }
    }
    Scales scales = coded.scales();
    long index = scales.index(firstRow, first);
    if (fp8) {
      scales.data().setAtIndex(ValueLayout.JAVA_FLOAT, index, largest / LARGEST_E4M3);
    } else {
      // The largest magnitude of E2M1 is 6 = 1.5 * 2^2.
      int exponent = Math.getExponent(largest) - 2 + EXPONENT_OF_ONE;
      scales.data().set(ValueLayout.JAVA_BYTE, index, (byte) exponent);
    }
    for (int row = firstRow; row < endRow; row++) {
      for (int column = first; column < end; column++) {
        int code = coded.nearest(row, column, weights.get(row, column));
        coded.codes().set(row, column, code);
      }
    }
  }
}
