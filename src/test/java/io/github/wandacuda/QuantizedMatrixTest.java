package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Tier;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Quantized matrices of random shapes, codes and scales against what their formats say, written
 * here anew: bits one by one, numbers as exact doubles that are rounded once.
 */
class QuantizedMatrixTest {
  private static final int CASES = Tier.isAll() ? 20_000 : 300;

  /** Formats of checkpoints: of codes, of scales, and what comes to them. */
  private enum Kind {
    FP8(NumberFormat.E4M3, NumberFormat.F32, NumberFormat.BF16, NumberFormat.E8M0),
    FP8_OF_E5M2(NumberFormat.E5M2, NumberFormat.F32, NumberFormat.F16),
    FP8_BY_COLUMNS(NumberFormat.E4M3, NumberFormat.F32),
    MXFP4(NumberFormat.E2M1, NumberFormat.E8M0),
    NVFP4(NumberFormat.E2M1, NumberFormat.E4M3),
    NVFP4_DIVIDED(NumberFormat.E2M1, NumberFormat.E4M3),
    INT8(NumberFormat.I8, NumberFormat.F32, NumberFormat.BF16, NumberFormat.F16),
    PACKED(NumberFormat.UNSIGNED, NumberFormat.BF16, NumberFormat.F16, NumberFormat.F32),
    PACKED_WITH_ZEROS(NumberFormat.UNSIGNED, NumberFormat.F16),
    PACKED_IN_GROUPS_OF_ANY_ORDER(NumberFormat.UNSIGNED, NumberFormat.F16);

    private final NumberFormat codes;
    private final NumberFormat[] scales;

    Kind(NumberFormat codes, NumberFormat... scales) {
      this.codes = codes;
      this.scales = scales;
    }
  }

  /** A matrix with all that it is made of. */
  private static final class Sample {
    private final Random random;
    private final Kind kind;
    private final int bits;
    private final int rows;
    private final int columns;
    private final long rowBits;
    private final long columnBits;
    private final byte[] data;
    private final int high;
    private final int wide;
    private final int groups;
    private final int[] groupOf;
    private final NumberFormat scaleFormat;
    private final byte[] scales;
    private final byte[] zeros;
    private final int zero;
    private final float factor;
    private final QuantizedMatrix matrix;

    Sample(Kind kind, long seed) {
      this.kind = kind;
      random = new Random(seed);
      boolean packed = kind.codes == NumberFormat.UNSIGNED;
      bits = packed ? 1 + random.nextInt(8) : kind.codes.bits();
      rows = 1 + random.nextInt(6);
      columns = 1 + random.nextInt(random.nextInt(20) == 0 ? 5000 : 70);
      boolean turned = kind == Kind.FP8_BY_COLUMNS;
      long words = Math.ceilDiv((long) columns * bits, packed ? 32 : 8) * (packed ? 32 : 8);
      rowBits = turned ? 8 : words;
      columnBits = turned ? 8L * rows : bits;
      data = new byte[(int) (turned ? (long) rows * columns : rows * rowBits / 8)];
      random.nextBytes(data);
      boolean blocks = kind.codes == NumberFormat.E4M3 || kind.codes == NumberFormat.E5M2;
      high = blocks ? 1 + random.nextInt(rows + 1) : 1;
      wide = 1 + random.nextInt(columns + 3);
      groups = Math.ceilDiv(columns, wide);
      groupOf =
          kind == Kind.PACKED_IN_GROUPS_OF_ANY_ORDER
              ? random.ints(columns, 0, groups).toArray()
              : null;
      scaleFormat = kind.scales[random.nextInt(kind.scales.length)];
      int count = Math.ceilDiv(rows, high) * groups;
      scales = new byte[count * scaleFormat.bits() / 8];
      for (int index = 0; index < count; index++) {
        putScale(index);
      }
      zeros = kind == Kind.PACKED_WITH_ZEROS || random.nextBoolean() ? zeros(count, packed) : null;
      zero = zeros == null && packed ? 1 << bits - 1 : 0;
      boolean second = kind == Kind.NVFP4 || kind == Kind.NVFP4_DIVIDED;
      factor = second ? (float) Math.exp(8 * random.nextGaussian()) : 1;
      matrix = matrix(data);
    }

    private byte[] zeros(int count, boolean packed) {
      if (!packed && kind.codes != NumberFormat.I8) {
        return null;
      }
      byte[] points = new byte[count];
      for (int index = 0; index < count; index++) {
        points[index] = (byte) random.nextInt(1 << bits);
      }
      return points;
    }

    /** Puts a scale from 0 on, sometimes 0 or the smallest ones. */
    private void putScale(int index) {
      int size = scaleFormat.bits() / 8;
      int most =
          switch (scaleFormat) {
            case E8M0 -> 250;
            case E4M3 -> 0x7e;
            case F16 -> 0x7bff;
            case BF16 -> 0x7f00;
            default -> 0x7f000000;
          };
      int code =
          switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> random.nextInt(8);
            case 2 -> random.nextInt(most);
            default -> Math.min(most, most / 2 + random.nextInt(most / 8));
          };
      for (int at = 0; at < size; at++) {
        scales[index * size + at] = (byte) (code >> 8 * at);
      }
    }

    QuantizedMatrix matrix(byte[] bytes) {
      MemorySegment codes = MemorySegment.ofArray(bytes);
      Scales all =
          Scales.of(MemorySegment.ofArray(scales), scaleFormat, high, wide, groups)
              .withZero(zero)
              .withFactor(factor, kind == Kind.NVFP4_DIVIDED);
      all = zeros == null ? all : all.withZeros(zeros);
      all = groupOf == null ? all : all.groupedBy(groupOf);
      return new QuantizedMatrix(
          new Codes(codes, kind.codes, bits, rows, columns, rowBits, columnBits), all);
    }

    private int group(int row, int column) {
      return row / high * groups + (groupOf == null ? column / wide : groupOf[column]);
    }

    int zeroPoint(int row, int column) {
      return zeros == null ? zero : zeros[group(row, column)] & 0xff;
    }

    int code(byte[] bytes, int row, int column) {
      int code = 0;
      for (int bit = 0; bit < bits; bit++) {
        code |= bit(bytes, row * rowBits + column * columnBits + bit) << bit;
      }
      return code;
    }

    void put(byte[] bytes, int row, int column, int code) {
      for (int bit = 0; bit < bits; bit++) {
        long at = row * rowBits + column * columnBits + bit;
        int one = 1 << at % 8;
        bytes[(int) (at / 8)] &= (byte) ~one;
        bytes[(int) (at / 8)] |= (byte) ((code >> bit & 1) * one);
      }
    }

    /** Returns an element by its exact value, rounded once. */
    float element(int row, int column) {
      int size = scaleFormat.bits() / 8;
      int scale = 0;
      for (int at = 0; at < size; at++) {
        scale |= (scales[group(row, column) * size + at] & 0xff) << 8 * at;
      }
      double whole =
          (number(kind.codes, code(data, row, column)) - number(kind.codes, zeroPoint(row, column)))
              * number(scaleFormat, scale);
      return (float) (kind == Kind.NVFP4_DIVIDED ? whole / factor : whole * factor);
    }
  }

  private static int bit(byte[] bytes, long at) {
    return bytes[(int) (at / 8)] >> at % 8 & 1;
  }

  /** Returns what a code stands for, by its sign, exponent and mantissa. */
  private static double number(NumberFormat format, int code) {
    return switch (format) {
      case I8 -> (byte) code;
      case UNSIGNED -> code;
      case E8M0 -> code == 255 ? Double.NaN : Math.pow(2, code - 127);
      case E4M3 -> (code & 0x7f) == 0x7f ? Double.NaN : floating(code, 4, 3, false);
      case E2M1 -> floating(code, 2, 1, false);
      case E5M2 -> floating(code, 5, 2, true);
      case F16 -> floating(code, 5, 10, true);
      case BF16 -> floating(code, 8, 7, true);
      case F32 -> floating(code, 8, 23, true);
    };
  }

  private static double floating(int code, int exponentBits, int mantissaBits, boolean special) {
    int exponent = code >> mantissaBits & (1 << exponentBits) - 1;
    int mantissa = code & (1 << mantissaBits) - 1;
    int bias = (1 << exponentBits - 1) - 1;
    double unit = Math.pow(2, Math.max(1, exponent) - bias - mantissaBits);
    double magnitude = (mantissa + (exponent == 0 ? 0 : 1 << mantissaBits)) * unit;
    if (special && exponent == (1 << exponentBits) - 1) {
      magnitude = mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
    }
    return (code >> exponentBits + mantissaBits & 1) == 0 ? magnitude : -magnitude;
  }

  @ParameterizedTest
  @EnumSource
  void elementsAreTheirExactValueRoundedOnce(Kind kind) {
    for (int seed = 0; seed < CASES; seed++) {
      Sample sample = new Sample(kind, seed);
      for (int row = 0; row < sample.rows; row++) {
        int from = sample.random.nextInt(sample.columns);
        int count = 1 + sample.random.nextInt(sample.columns - from);
        float[] found = new float[count + 1];
        sample.matrix.read(row, from, count, found, 1);
        for (int i = 0; i < count; i++) {
          float expected = sample.element(row, from + i);
          if (Float.floatToIntBits(found[i + 1]) != Float.floatToIntBits(expected)
              || Float.compare(sample.matrix.get(row, from + i), expected) != 0) {
            assertThat(found[i + 1])
                .as("seed %d, row %d, column %d: %s", seed, row, from + i, sample.matrix)
                .isEqualTo(expected);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatAMaskKeepsAndWhatItDoesNot(Kind kind) {
    for (int seed = 0; seed < CASES; seed++) {
      Sample sample = new Sample(kind, seed);
      byte[] expected = sample.data.clone();
      byte[] found = sample.data.clone();
      QuantizedMatrix matrix = sample.matrix(found);
      for (int row = 0; row < sample.rows; row++) {
        byte[] mask = new byte[Math.ceilDiv(sample.columns, 8)];
        sample.random.nextBytes(mask);
        matrix.keep(row, MemorySegment.ofArray(mask));
        for (int column = 0; column < sample.columns; column++) {
          if (bit(mask, column) == 0) {
            sample.put(expected, row, column, sample.zeroPoint(row, column));
          }
        }
        assertThat(found).as("seed %d, row %d: %s", seed, row, matrix).isEqualTo(expected);
        assertThat(matrix.keepsOrZeroes(sample.matrix, row)).as("seed %d", seed).isTrue();
      }
      seesAChange(sample, found, seed);
    }
  }

  /** Turns a bit of a pruned matrix, which is seen unless it makes a code the source's or 0. */
  private static void seesAChange(Sample sample, byte[] pruned, int seed) {
    long at = sample.random.nextLong(8L * pruned.length);
    pruned[(int) (at / 8)] ^= (byte) (1 << at % 8);
    for (int row = 0; row < sample.rows; row++) {
      boolean keeps = true;
      for (int column = 0; column < sample.columns; column++) {
        int code = sample.code(pruned, row, column);
        keeps &=
            code == sample.code(sample.data, row, column) || code == sample.zeroPoint(row, column);
      }
      for (long bit = sample.columns * sample.columnBits; bit < sample.rowBits; bit++) {
        long place = row * sample.rowBits + bit;
        keeps &= bit(pruned, place) == bit(sample.data, place);
      }
      assertThat(sample.matrix(pruned).keepsOrZeroes(sample.matrix, row))
          .as("seed %d, bit %d, row %d: %s", seed, at, row, sample.matrix)
          .isEqualTo(keeps);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"E4M3", "E5M2", "E2M1"})
  void theNearestCodeIsThatOfAllCodes(NumberFormat format) {
    Random random = new Random(1);
    int half = 1 << format.bits() - 1;
    for (int i = 0; i < CASES; i++) {
      int code = random.nextInt(half);
      double one = number(format, code);
      double next = number(format, Math.min(half - 1, code + 1));
      double value =
          switch (random.nextInt(3)) {
            case 0 -> (one + next) / 2;
            case 1 -> one * (1 + random.nextGaussian());
            default -> one;
          };
      float magnitude = (float) (Double.isFinite(value) ? Math.abs(value) : 1e6);
      int expected = nearest(format, half, magnitude);
      assertThat(format.nearest(magnitude)).as("%s", magnitude).isEqualTo(expected);
      assertThat(format.nearest(-magnitude)).as("-%s", magnitude).isEqualTo(expected + half);
    }
  }

  private static int nearest(NumberFormat format, int half, double value) {
    return IntStream.range(0, half)
        .filter(code -> Double.isFinite(number(format, code)))
        .boxed()
        .min(
            Comparator.comparingDouble((Integer code) -> Math.abs(number(format, code) - value))
                .thenComparing(code -> code % 2))
        .orElseThrow();
  }

  @Test
  void theLowestScoresGoOfEqualOnesTheFirst() {
    try (Backend backend = Pruning.cpu(1)) {
      for (int seed = 0; seed < CASES / 10; seed++) {
        for (Kind kind : Kind.values()) {
          Sample sample = new Sample(kind, seed);
          float[] norms = new float[sample.columns];
          for (int column = 0; column < norms.length; column++) {
            norms[column] = sample.random.nextInt(3) * sample.random.nextFloat();
          }
          float[] row = new float[sample.columns];
          sample.matrix.read(0, 0, row.length, row, 0);
          if (IntStream.range(0, row.length).allMatch(column -> Math.abs(row[column]) < 1e30f)) {
            assertThat(mask(backend, row, norms))
                .as("seed %d: %s", seed, sample.matrix)
                .isEqualTo(sorted(row, norms));
          }
        }
      }
    }
  }

  private static boolean[] mask(Backend backend, float[] values, float[] norms) {
    WeightMatrix row = WeightMatrix.of(values.clone(), 1, values.length);
    byte[] mask = new byte[Math.toIntExact(Selector.maskRowBytes(values.length))];
    SelectionRule rule = SelectionRule.of(Pruning.HALF, values.length);
    try (var plan = backend.selector().prepare(DType.F32, values.length, norms, rule)) {
      assertThat(plan.select(row, row, MemorySegment.ofArray(mask)).pruned())
          .isEqualTo(values.length / 2);
    }
    boolean[] kept = new boolean[values.length];
    for (int column = 0; column < kept.length; column++) {
      kept[column] = bit(mask, column) == 1;
    }
    return kept;
  }

  private static boolean[] sorted(float[] row, float[] norms) {
    boolean[] kept = new boolean[row.length];
    Arrays.fill(kept, true);
    IntStream.range(0, row.length)
        .boxed()
        .sorted(Comparator.comparing((Integer column) -> Math.abs(row[column]) * norms[column]))
        .limit(row.length / 2)
        .forEach(column -> kept[column] = false);
    return kept;
  }

  /** Returns 3 x 4 codes in blocks of 2 rows, with 2 scales a row of blocks. */
  private static QuantizedMatrix of(
      int scales, int firstRow, int blockColumns, int[] groupOf, byte[] zeros) {
    MemorySegment data = MemorySegment.ofArray(new float[scales]);
    Scales all =
        Scales.of(data, NumberFormat.F32, 2, blockColumns, 2).withZeros(zeros).from(firstRow);
    return new QuantizedMatrix(
        Codes.of(MemorySegment.ofArray(new byte[12]), NumberFormat.I8, 8, 3, 4, 4),
        groupOf == null ? all : all.groupedBy(groupOf));
  }

  /** A device would look for the one beyond its memory. */
  @ParameterizedTest
  @CsvSource({"3, 0, 2, false, 4", "4, 2, 2, false, 9", "4, 0, 1, false, 4", "4, 0, 2, true, 3"})
  void everyElementHasAScale(
      int scales, int firstRow, int blockColumns, boolean points, int zeros) {
    byte[] bytes = points ? new byte[zeros] : null;
    assertThatThrownBy(() -> of(scales, firstRow, blockColumns, null, bytes))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("scales");
    assertThat(of(4, 0, 2, null, points ? new byte[4] : null).rows()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({"2", "-1"})
  void everyColumnHasAGroup(int group) {
    assertThatThrownBy(() -> of(4, 0, 1, new int[] {0, 1, group, 0}, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("groups");
    assertThat(of(4, 0, 1, new int[] {0, 1, 1, 0}, null).columns()).isEqualTo(4);
  }
}
