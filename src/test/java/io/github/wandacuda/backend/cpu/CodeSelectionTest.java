package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.RandomCodes;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.simd.CodeRows;
import io.github.wandacuda.testing.Tier;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Selection from codes against the scalar one from the float32 weights that they stand for. */
class CodeSelectionTest {
  /** 20,000 where a property has its 1,000 tries. */
  private static final int CASES =
      Tier.isAll() ? 20 * Integer.getInteger("jqwik.tries.default", 1000) : 300;

  private final Selector tested = new CpuSelector(new VectorSelect());
  private final Selector scalar = new CpuSelector(new ScalarSelect());

  @ParameterizedTest
  @EnumSource
  void codesOfAnyKind(RandomCodes kind) {
    for (int seed = 0; seed < CASES; seed++) {
      Random random = new Random(seed);
      check(kind.random(random), random, kind + " " + seed);
    }
  }

  private enum Format {
    FP8(NumberFormat.E4M3, NumberFormat.F32, 128, 128),
    FP8_OF_SMALL_BLOCKS(NumberFormat.E4M3, NumberFormat.BF16, 5, 48),
    FP8_OF_ROWS(NumberFormat.E4M3, NumberFormat.F32, 1, 1 << 20),
    FP8_OF_POWERS(NumberFormat.E4M3, NumberFormat.E8M0, 7, 32),
    MXFP4(NumberFormat.E2M1, NumberFormat.E8M0, 1, 32);

    private final NumberFormat codes;
    private final NumberFormat scales;
    private final int high;
    private final int wide;

    Format(NumberFormat codes, NumberFormat scales, int high, int wide) {
      this.codes = codes;
      this.scales = scales;
      this.high = high;
      this.wide = wide;
    }

    /** Returns rows of normal weights whose scales differ by a factor up to two, or are hostile. */
    QuantizedMatrix random(Random random, int rows, int columns, boolean hostile) {
      long rowBytes = Math.ceilDiv((long) columns * codes.bits(), 8);
      MemorySegment data = Arena.ofAuto().allocate(rows * rowBytes, 8);
      int groups = Math.ceilDiv(columns, wide);
      int count = Math.ceilDiv(rows, high) * groups;
      MemorySegment factors = Arena.ofAuto().allocate((long) count * scales.bits() / 8, 8);
      for (int index = 0; index < count; index++) {
        put(factors, index, hostile ? hostileScale(random) : 1e-3f * (1 + random.nextFloat()));
      }
      Codes all = Codes.of(data, codes, codes.bits(), rows, columns, rowBytes);
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          int code = codes.nearest((float) (random.nextGaussian() * codes.value(0x34)));
          all.set(row, column, code);
        }
      }
      return new QuantizedMatrix(all, Scales.of(factors, scales, high, wide, groups));
    }

    private void put(MemorySegment factors, int index, float scale) {
      int bits = Float.floatToRawIntBits(scale);
      switch (scales) {
        case F32 -> factors.setAtIndex(ValueLayout.JAVA_INT, index, bits);
        case BF16 -> factors.setAtIndex(ValueLayout.JAVA_SHORT, index, (short) (bits >> 16));
        default -> factors.set(ValueLayout.JAVA_BYTE, index, (byte) (bits >> 23));
      }
    }

    private static float hostileScale(Random random) {
      return switch (random.nextInt(4)) {
        case 0 -> 0;
        case 1 -> Float.MIN_VALUE * random.nextInt(1 << 20);
        case 2 -> Math.scalb(1 + random.nextFloat(), random.nextInt(200) - 100);
        default -> 1;
      };
    }
  }

  /**
   * One plan for several matrices, as layers with the same input have, with a few columns padded.
   */
  @ParameterizedTest
  @EnumSource
  void rowsThatAreAlike(Format format) {
    for (int seed = 0; seed < CASES / 10; seed++) {
      Random random = new Random(seed);
      int columns = 512 + 4 * random.nextInt(150);
      float[] norms = norms(random, columns);
      SelectionRule rule = rule(random, columns);
      try (SelectionPlan plan = tested.prepare(DType.F32, columns, norms, rule);
          SelectionPlan reference = scalar.prepare(DType.F32, columns, norms, rule)) {
        for (int turn = 0; turn < 3; turn++) {
          boolean hostile = random.nextInt(4) == 0;
          QuantizedMatrix codes = format.random(random, 1 + random.nextInt(30), columns, hostile);
          check(plan, reference, codes, format + " " + seed + " " + rule);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void thresholdsServeRowsThatAreAlike(Format format) {
    Random random = new Random(1);
    float[] norms = new float[2048];
    for (int column = 0; column < norms.length; column++) {
      norms[column] = (float) Math.exp(random.nextGaussian());
    }
    QuantizedMatrix codes = format.random(random, 128, norms.length, false);
    int wanted = norms.length / 2;
    LowestOfRow whole = new LowestOfRow(DType.F32, norms.length, norms, wanted);
    LowestByThresholds pruner =
        new LowestByThresholds(DType.F32, norms.length, norms, wanted, whole);
    long[] kept = new long[norms.length / 64];
    for (int row = 0; row < codes.rows(); row++) {
      assertThat(pruner.prune(codes, row, kept)).isEqualTo(wanted);
    }
    assertThat(pruner.byThresholds()).isGreaterThan(format.high < 100 ? 20 : 115);
  }

  /**
   * Of scores that elements have, and of the numbers beside those, where a quotient may be wrong.
   */
  @ParameterizedTest
  @EnumSource
  void thresholdsAreTheLowestBytesThatReachAScore(Format format) {
    for (int seed = 0; seed < CASES; seed++) {
      Random random = new Random(seed);
      int columns = 1 + random.nextInt(200);
      CodeRows rows = new CodeRows(norms(random, columns));
      QuantizedMatrix codes = format.random(random, 1, columns, random.nextInt(4) == 0);
      short[] thresholds = new short[(columns + 63) / 64 * 64];
      for (int turn = 0; turn < 20 && rows.load(codes, 0); turn++) {
        int score = rows.score(random.nextInt(columns)) + random.nextInt(3) - 1;
        if (score > 0) {
          rows.thresholds(thresholds, score);
          for (int column = 0; column < columns; column++) {
            int threshold = thresholds[column / 2] >> column % 2 * 8 & 0xff;
            boolean isLowest = threshold == 0 || scoreOf(rows, column, threshold - 1) < score;
            boolean reaches = threshold == 0x7f || scoreOf(rows, column, threshold) >= score;
            assertThat(isLowest && reaches).as("%d, %d: %d", seed, column, threshold).isTrue();
          }
        }
      }
    }
  }

  private static int scoreOf(CodeRows rows, int column, int magnitude) {
    rows.memory().set(ValueLayout.JAVA_BYTE, column, (byte) magnitude);
    return rows.score(column);
  }

  /** The first one is named, wherever it lies, and whichever way its row is pruned. */
  @ParameterizedTest
  @ValueSource(ints = {0x7f, 0xff})
  void codesThatAreNoNumber(int code) {
    Random random = new Random(2);
    float[] norms = norms(random, 600);
    QuantizedMatrix codes = Format.FP8.random(random, 20, 600, false);
    codes.codes().set(11, 599, code);
    byte[] mask = new byte[20 * 75];
    for (SelectionRule rule : List.of(new LowestPerRow(300), new LowestPerGroup(2, 4))) {
      try (SelectionPlan plan = tested.prepare(DType.F32, 600, norms, rule)) {
        assertThatThrownBy(() -> plan.select(codes, MemorySegment.ofArray(mask)))
            .isInstanceOfSatisfying(
                NonFiniteWeightException.class,
                e -> assertThat(List.of(e.row(), e.column())).containsExactly(11, 599));
      }
    }
  }

  private void check(QuantizedMatrix codes, Random random, String what) {
    float[] norms = norms(random, codes.columns());
    SelectionRule rule = rule(random, codes.columns());
    try (SelectionPlan plan = tested.prepare(DType.F32, codes.columns(), norms, rule);
        SelectionPlan reference = scalar.prepare(DType.F32, codes.columns(), norms, rule)) {
      check(plan, reference, codes, what + " " + rule);
    }
  }

  private static void check(
      SelectionPlan plan, SelectionPlan reference, QuantizedMatrix codes, String what) {
    byte[] expected = new byte[(int) (codes.rows() * Selector.maskRowBytes(codes.columns()))];
    byte[] found = expected.clone();
    Arrays.fill(found, (byte) 0x55);
    WeightMatrix dense = widened(codes);
    Selection selection = reference.select(dense, null, MemorySegment.ofArray(expected));
    QuantizedMatrix kept = copy(codes);
    for (int row = 0; row < codes.rows(); row++) {
      int bytes = (int) Selector.maskRowBytes(codes.columns());
      kept.keep(row, MemorySegment.ofArray(expected).asSlice((long) row * bytes, bytes));
    }
    assertThat(plan.select(codes, MemorySegment.ofArray(found))).as(what).isEqualTo(selection);
    assertThat(found).as(what).isEqualTo(expected);
    assertThat(codes.data().mismatch(kept.data())).as(what).isEqualTo(-1);
  }

  private static QuantizedMatrix copy(QuantizedMatrix matrix) {
    Codes codes = matrix.codes();
    MemorySegment data = Arena.ofAuto().allocate(codes.data().byteSize(), 8);
    data.copyFrom(codes.data());
    return new QuantizedMatrix(
        new Codes(
            data,
            codes.format(),
            codes.bits(),
            codes.rows(),
            codes.columns(),
            codes.rowBits(),
            codes.columnBits()),
        matrix.scales());
  }

  private static WeightMatrix widened(QuantizedMatrix codes) {
    float[] values = new float[codes.rows() * codes.columns()];
    for (int row = 0; row < codes.rows(); row++) {
      codes.read(row, 0, codes.columns(), values, row * codes.columns());
    }
    return WeightMatrix.of(values, codes.rows(), codes.columns());
  }

  private static float[] norms(Random random, int columns) {
    float[] norms = new float[columns];
    int kind = random.nextInt(6);
    for (int column = 0; column < columns; column++) {
      norms[column] =
          switch (kind) {
            case 0 -> 1;
            case 1 -> random.nextInt(3);
            case 2 -> Math.scalb(random.nextFloat(), random.nextInt(240) - 140);
            case 3 -> Math.scalb(1 + random.nextFloat(), 60);
            default -> (float) Math.exp(random.nextGaussian());
          };
    }
    return norms;
  }

  private static SelectionRule rule(Random random, int columns) {
    int size = columns % 4 == 0 ? 4 : 2;
    return switch (random.nextInt(columns % 2 == 0 ? 4 : 2)) {
      case 0 -> new LowestPerRow(random.nextInt(columns + 1));
      case 1 -> random.nextInt(4) == 0 ? new AtMost(0.5f) : new LowestPerRow(columns / 2);
      default -> new LowestPerGroup(size / 2, size);
    };
  }
}
