package io.github.wandacuda.scalar;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * Quantized weights for tests: of each kind of codes and scales, of any small shape, with any of
 * what there may be besides.
 */
public enum RandomCodes {
  BLOCKS(NumberFormat.E4M3, 8, NumberFormat.F32),
  BLOCKS_OF_BF16(NumberFormat.E4M3, 8, NumberFormat.BF16),
  BLOCKS_OF_POWERS(NumberFormat.E4M3, 8, NumberFormat.E8M0),
  FIVE_BITS_OF_EXPONENT(NumberFormat.E5M2, 8, NumberFormat.F16),
  MXFP4(NumberFormat.E2M1, 4, NumberFormat.E8M0),
  NVFP4(NumberFormat.E2M1, 4, NumberFormat.E4M3),
  BYTES(NumberFormat.I8, 8, NumberFormat.F32),
  ONE_BIT(NumberFormat.UNSIGNED, 1, NumberFormat.BF16),
  TWO_BITS(NumberFormat.UNSIGNED, 2, NumberFormat.BF16),
  THREE_BITS(NumberFormat.UNSIGNED, 3, NumberFormat.F16),
  FOUR_BITS(NumberFormat.UNSIGNED, 4, NumberFormat.BF16),
  FIVE_BITS(NumberFormat.UNSIGNED, 5, NumberFormat.F16),
  SIX_BITS(NumberFormat.UNSIGNED, 6, NumberFormat.F32),
  SEVEN_BITS(NumberFormat.UNSIGNED, 7, NumberFormat.BF16),
  EIGHT_BITS(NumberFormat.UNSIGNED, 8, NumberFormat.F32);

  private final NumberFormat codes;
  private final int bits;
  private final NumberFormat scales;

  RandomCodes(NumberFormat codes, int bits, NumberFormat scales) {
    this.codes = codes;
    this.bits = bits;
    this.scales = scales;
  }

  /** Returns a small weight, whose elements are finite. */
  public QuantizedMatrix random(Random random) {
    int rows = 1 + random.nextInt(9);
    return random(random, rows, random.nextInt(5) == 0 ? 257 : 1 + random.nextInt(70));
  }

  /** Returns a weight of a shape, whose elements are finite. */
  public QuantizedMatrix random(Random random, int rows, int columns) {
    return new QuantizedMatrix(codes(random, rows, columns), scales(random, rows, columns));
  }

  private Codes codes(Random random, int rows, int columns) {
    boolean turned = bits == Byte.SIZE && random.nextInt(4) == 0;
    long rowBytes = turned ? 1 : Math.ceilDiv(columns * bits, Byte.SIZE) + random.nextInt(3);
    long columnBits = turned ? (long) rows * Byte.SIZE : bits;
    long bytes = turned ? (long) rows * columns : rows * rowBytes;
    MemorySegment data =
        random.nextBoolean()
            ? MemorySegment.ofArray(new byte[(int) bytes])
            : Arena.ofAuto().allocate(bytes);
    for (long at = 0; at < bytes; at++) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) finite(random));
    }
    return new Codes(data, codes, bits, rows, columns, rowBytes * Byte.SIZE, columnBits);
  }

  /** Returns a byte that is finite as a code of 8 bits. */
  private int finite(Random random) {
    int code = random.nextInt(256);
    return Float.isFinite(codes.value(code)) ? code : 1;
  }

  private Scales scales(Random random, int rows, int columns) {
    int firstRow = random.nextInt(4);
    int blockRows = 1 + random.nextInt(3);
    boolean grouped = random.nextInt(3) == 0;
    int blockColumns = grouped ? 1 : 1 + random.nextInt(40);
    int groups = grouped ? 3 : Math.ceilDiv(columns, blockColumns);
    int count = Math.ceilDiv(firstRow + rows, blockRows) * groups;
    byte[] zeros = random.nextBoolean() ? new byte[count] : null;
    if (zeros != null) {
      for (int i = 0; i < count; i++) {
        zeros[i] = (byte) (finite(random) & (1 << bits) - 1);
      }
    }
    float factor =
        random.nextBoolean() ? 1 : Math.scalb(random.nextFloat(0.5f, 1), random.nextInt(80) - 40);
    return new Scales(
        data(random, count),
        scales,
        firstRow,
        blockRows,
        blockColumns,
        groups,
        grouped ? random.ints(columns, 0, groups).toArray() : null,
        zeros,
        zeros == null ? finite(random) & (1 << bits) - 1 : 0,
        factor,
        random.nextBoolean());
  }

  /** Returns finite scales, some of them subnormal in float32 or in their own type. */
  private MemorySegment data(Random random, int count) {
    int bytes = scales.bits() / Byte.SIZE;
    MemorySegment data = Arena.ofAuto().allocate((long) count * bytes, 4);
    for (int i = 0; i < count; i++) {
      int code = random.nextInt() & Integer.MAX_VALUE >>> Integer.SIZE - scales.bits();
      while (scales.value(code) > 0x1p40f || Float.isNaN(scales.value(code))) {
        code >>>= 1;
      }
      for (int part = 0; part < bytes; part++) {
        data.set(ValueLayout.JAVA_BYTE, (long) i * bytes + part, (byte) (code >> 8 * part));
      }
    }
    return data;
  }
}
