package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Rows of a table, widened: exactly what the table says. */
@EachBackend
class EmbedTest extends OperationCases {
  private final Samples samples = new Samples(3);

  EmbedTest(OpenedBackend backend) {
    super(backend);
  }

  private void check(WeightMatrix table, int offset, int... tokens) {
    each(
        operands -> {
          Tensor out = operands.out(tokens.length, table.columns(), offset);
          operands.operations().embed(operands.weight(table), tokens, out);
          return operands.values(out);
        },
        found -> {
          float[] expected = new float[table.columns()];
          for (int t = 0; t < tokens.length; t++) {
            for (int c = 0; c < expected.length; c++) {
              expected[c] = table.get(tokens[t], c);
            }
            assertThat(Samples.bits(found.rows(t, 1)))
                .as("token %d", t)
                .isEqualTo(Samples.bits(Samples.of(1, expected)));
          }
        });
  }

  @ParameterizedTest
  @EnumSource
  void rowsAreLookedUp(DType dtype) {
    for (Samples.Layout layout : Samples.Layout.values()) {
      for (int columns : new int[] {1, 4, 7, 20, 70, 1060}) {
        check(samples.weight(dtype, 9, columns, layout), columns % 4 == 0 ? 1 : 0, 8, 0, 3, 3);
        check(samples.weight(dtype, 9, columns, layout), columns % 4 == 0 ? 0 : 1, 8, 0, 3, 3);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "16, 255, 3", "17, 256, 9", "5, 4099, 40"})
  void embedWidensExactly(int tokens, int columns, int vocabulary) {
    int[] ids =
        IntStream.range(0, tokens).map(t -> (vocabulary - 1) * (t + 1) % vocabulary).toArray();
    for (DType dtype : DType.values()) {
      check(samples.weight(dtype, vocabulary, columns, Samples.Layout.ROWS), 0, ids);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void everyBitPatternIsWidened(DType dtype) {
    short[] all = new short[1 << 16];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    MemorySegment data =
        Arena.ofAuto().allocate(2L * all.length).copyFrom(MemorySegment.ofArray(all));
    check(WeightMatrix.of(data, dtype, 256, 256), 0, IntStream.range(0, 256).toArray());
  }

  /** 2^16 groups of work-items are what some devices allow. */
  @Test
  void tokensMayBeMany() {
    check(
        samples.weight(DType.F32, 5, 3000, Samples.Layout.ROWS),
        0,
        IntStream.range(0, 101).map(t -> t % 5).toArray());
    check(
        samples.weight(DType.F32, 5, 2, Samples.Layout.ROWS),
        0,
        IntStream.range(0, 70_000).map(t -> t % 5).toArray());
  }
}
