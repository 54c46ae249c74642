package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Division by the root of the mean square: the scalar code's bits, on CUDA within 2e-6. */
@EachBackend
class RmsNormTest extends OperationCases {
  private static final Closeness CUDA =
      (expected, largest) -> 2e-6 * Math.max(1, Math.abs(expected));

  RmsNormTest(OpenedBackend backend) {
    super(backend);
  }

  private void agree(String what, Function<Operands, CpuTensor> work) {
    if (which().isCuda()) {
      close(what, CUDA, work);
    } else {
      sameBits(what, work);
    }
  }

  private int spoiled(int every) {
    return which().isCuda() ? NEVER : every;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 15", "2, 16", "3, 1000"})
  void divisionIsByTheRootOfTheMeanSquare(int tokens, int columns) {
    Samples samples = new Samples(7);
    CpuTensor x = samples.tensor(tokens, columns);
    CpuTensor gain = samples.tensor(1, columns);
    each(
        operands -> {
          Tensor out = operands.out(tokens, columns);
          operands.operations().rmsNorm(operands.in(x), operands.in(gain), 1e-2f, out);
          return operands.values(out);
        },
        out -> {
          for (int t = 0; t < tokens; t++) {
            double squares = 0;
            for (int c = 0; c < columns; c++) {
              squares += at(x, t, c) * at(x, t, c);
            }
            double root = Math.sqrt(squares / columns + 1e-2f);
            for (int c = 0; c < columns; c++) {
              double expected = at(x, t, c) / root * at(gain, 0, c);
              assertThat(at(out, t, c)).isCloseTo(expected, within(Math.abs(expected) * 5e-6));
            }
          }
        });
  }

  @Test
  void everyWidthAgrees() {
    for (int columns : WIDTHS) {
      agree(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x =
                operands.in(samples.spoil(samples.tensor(130, columns), spoiled(20 * columns)));
            operands.operations().rmsNorm(x, operands.in(samples.tensor(1, columns)), 1e-5f, x);
            return operands.values(x);
          });
    }
  }

  /** Columns on both sides of the longest row that a block of CUDA threads keeps. */
  @ParameterizedTest
  @CsvSource({
    "1, 0, 0", "7, 0, 0", "64, 0, 0", "64, 1, 0", "64, 0, 3",
    "1000, 0, 0", "12200, 0, 0", "12240, 0, 0", "12256, 0, 0", "13000, 0, 0"
  })
  void rowsOfAnyLengthAndPlaceAgree(int columns, int offset, int gainOffset) {
    agree(
        "norm",
        operands -> {
          Samples samples = new Samples(columns);
          Tensor x = operands.in(samples.tensor(3, columns, 0, 2), offset);
          Tensor gain = operands.in(samples.tensor(1, columns), gainOffset);
          operands.operations().rmsNorm(x, gain, 1e-5f, x);
          return operands.values(x);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "16, 16", "17, 31", "33, 4097"})
  void theResultMayBeTheInput(int rows, int columns) {
    for (int every : new int[] {NEVER, spoiled(20)}) {
      agree(
          "norm",
          operands -> {
            Samples samples = new Samples(rows);
            Tensor x = operands.in(samples.spoil(samples.tensor(rows, columns), every));
            Tensor gain = operands.in(samples.tensor(1, columns));
            Tensor out = operands.out(rows, columns);
            operands.operations().rmsNorm(x, gain, 1e-5f, out);
            operands.operations().rmsNorm(x, gain, 1e-5f, x);
            assertThat(Samples.bits(operands.values(x)))
                .isEqualTo(Samples.bits(operands.values(out)));
            return operands.values(out);
          });
    }
  }
}
