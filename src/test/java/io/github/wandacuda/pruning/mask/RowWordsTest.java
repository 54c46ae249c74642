package io.github.wandacuda.pruning.mask;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RowWordsTest {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ROWS = 3;

  /** Zeros and their neighbours: least and greatest magnitudes, infinities, NaNs, of both signs. */
  private static int odd(DType dtype, Random random) {
    int sign = dtype == DType.F32 ? 0x8000_0000 : 0x8000;
    int greatest = sign - 1;
    int[] magnitudes = {0, 0, 0, 1, 2, greatest, greatest - 1, 0x7f80, 0x7c00, 0x0100, 0x4000};
    return magnitudes[random.nextInt(magnitudes.length)] | (random.nextBoolean() ? sign : 0);
  }

  private static void fill(WeightMatrix matrix, Random random) {
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        long at = matrix.byteOffset(row, column);
        int bits = odd(matrix.dtype(), random);
        MemorySegment data = matrix.data();
        if (matrix.dtype() == DType.F32) {
          data.set(INT, at, bits);
        } else {
          data.set(SHORT, at, (short) bits);
        }
      }
    }
  }

  private static int zeros(WeightMatrix matrix, int row, int from, int to) {
    int zeros = 0;
    for (int column = from; column < to; column++) {
      zeros += matrix.get(row, column) == 0 ? 1 : 0;
    }
    return zeros;
  }

  private static boolean holds(WeightMatrix matrix, int row, Sparsity.GroupPattern pattern) {
    boolean holds = matrix.columns() % pattern.size() == 0;
    for (int from = 0; holds && from < matrix.columns(); from += pattern.size()) {
      holds = zeros(matrix, row, from, from + pattern.size()) >= pattern.pruned();
    }
    return holds;
  }

  @ParameterizedTest
  @EnumSource
  void countsWhatIsEqualToZero(DType dtype) {
    Random random = new Random(1);
    for (PlacedMatrix.Layout layout : PlacedMatrix.Layout.values()) {
      for (int columns = 0; columns < 40; columns++) {
        WeightMatrix matrix = PlacedMatrix.of(layout, dtype, ROWS, columns).view();
        fill(matrix, random);
        RowWords zeros = new RowWords(dtype, columns);
        for (int row = 0; row < ROWS; row++) {
          assertThat(zeros.count(zeros.read(matrix, row)))
              .as("%s, %d columns", layout, columns)
              .isEqualTo(zeros(matrix, row, 0, columns));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void findsThePatternsThatHold(DType dtype) {
    Random random = new Random(2);
    int held = 0;
    for (int round = 0; round < 300; round++) {
      int columns = random.nextInt(17);
      WeightMatrix matrix =
          PlacedMatrix.of(PlacedMatrix.Layout.WIDE_ROWS, dtype, 1, columns).view();
      fill(matrix, random);
      RowWords zeros = new RowWords(dtype, columns);
      int start = zeros.read(matrix, 0);
      for (String text : new String[] {"1:4", "2:4", "2:8", "4:8"}) {
        Sparsity.GroupPattern pattern = SparsityParser.pattern(text);
        boolean holds = holds(matrix, 0, pattern);
        held += holds && columns > 0 ? 1 : 0;
        assertThat(zeros.holds(start, pattern))
            .as("%s of %d columns", text, columns)
            .isEqualTo(holds);
      }
    }
    assertThat(held).as("rows for which something holds").isGreaterThan(30);
  }
}
