package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.Arrays;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Mean and deviation of each row: the scalar code's bits. On CUDA within 2e-6 of the largest value:
 * the mean is known to a few units in its last place, so errors are as large where the result is
 * small.
 */
@EachBackend
class LayerNormTest extends OperationCases {
  private static final boolean[] BIASED = {true, false};

  LayerNormTest(OpenedBackend backend) {
    super(backend);
  }

  private void agree(String what, Function<Operands, CpuTensor> work) {
    if (which().isCuda()) {
      close(what, (expected, largest) -> 2e-6 * largest, work);
    } else {
      sameBits(what, work);
    }
  }

  private int spoiled(int every) {
    return which().isCuda() ? NEVER : every;
  }

  @ParameterizedTest
  @CsvSource({"1, 2, 0", "3, 15, 5", "2, 16, -100", "3, 1000, 1000"})
  void theMeanIsTakenAndTheDeviationDividesWhatIsLeft(int tokens, int columns, float shift) {
    Samples samples = new Samples(17);
    CpuTensor x = samples.tensor(tokens, columns, shift, 1);
    CpuTensor gain = samples.tensor(1, columns);
    CpuTensor bias = samples.tensor(1, columns);
    each(
        operands -> {
          Tensor out = operands.out(tokens, columns);
          operands
              .operations()
              .layerNorm(operands.in(x), operands.in(gain), operands.in(bias), 1e-2f, out);
          return operands.values(out);
        },
        out -> {
          for (int t = 0; t < tokens; t++) {
            double mean = 0;
            for (int c = 0; c < columns; c++) {
              mean += at(x, t, c) / columns;
            }
            double variance = 0;
            for (int c = 0; c < columns; c++) {
              variance += Math.pow(at(x, t, c) - mean, 2) / columns;
            }
            for (int c = 0; c < columns; c++) {
              double normal = (at(x, t, c) - mean) / Math.sqrt(variance + 1e-2f);
              double expected = normal * at(gain, 0, c) + at(bias, 0, c);
              assertThat(at(out, t, c)).isCloseTo(expected, within(2e-6 * (1 + Math.abs(shift))));
            }
          }
        });
  }

  @Test
  void rowsTakeTheGainsInTurn() {
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(4, 1, 3, 2, 6, -1, 1, 4, 8));
          Tensor gains = operands.in(Samples.of(2, 1, 2, 10, 20));
          operands.operations().layerNorm(x, gains, null, 0, x);
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(-1, 2, -10, 20, -1, 2, -10, 20));
  }

  @Test
  void everyWidthAgrees() {
    for (int columns : WIDTHS) {
      for (boolean biased : BIASED) {
        agree(
            columns + " columns",
            operands -> {
              Samples samples = new Samples(columns);
              Tensor x =
                  operands.in(samples.spoil(samples.tensor(130, columns), spoiled(20 * columns)));
              Tensor gain = operands.in(samples.tensor(biased ? 1 : 13, columns));
              Tensor bias = biased ? operands.in(samples.tensor(1, columns)) : null;
              operands.operations().layerNorm(x, gain, bias, 1e-5f, x);
              return operands.values(x);
            });
      }
    }
  }

  /** A row of 12032 columns is the longest that a block of CUDA threads keeps. */
  @ParameterizedTest
  @CsvSource({
    "1, 0, 0", "7, 0, 0", "64, 0, 0", "64, 1, 0",
    "64, 0, 3", "1000, 0, 0", "12032, 0, 0", "12036, 0, 0",
    "13001, 0, 0"
  })
  void rowsOfAnyLengthAndPlaceAgree(int columns, int offset, int gainOffset) {
    for (boolean biased : BIASED) {
      agree(
          "bias " + biased,
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x = operands.in(samples.tensor(3, columns, 7, 2), offset);
            Tensor gain = operands.in(samples.tensor(1, columns), gainOffset);
            Tensor bias = biased ? operands.in(samples.tensor(1, columns), gainOffset) : null;
            operands.operations().layerNorm(x, gain, bias, 1e-5f, x);
            return operands.values(x);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "16, 16", "17, 31", "33, 4097"})
  void theResultMayBeTheInput(int rows, int columns) {
    for (boolean biased : BIASED) {
      for (int every : new int[] {NEVER, spoiled(20)}) {
        agree(
            "bias " + biased,
            operands -> {
              Samples samples = new Samples(rows);
              Tensor x = operands.in(samples.spoil(samples.tensor(rows, columns), every));
              Tensor gain = operands.in(samples.tensor(1, columns));
              Tensor bias = biased ? operands.in(samples.tensor(1, columns)) : null;
              Tensor out = operands.out(rows, columns);
              operands.operations().layerNorm(x, gain, bias, 1e-5f, out);
              operands.operations().layerNorm(x, gain, bias, 1e-5f, x);
              assertThat(Samples.bits(operands.values(x)))
                  .isEqualTo(Samples.bits(operands.values(out)));
              return operands.values(out);
            });
      }
    }
  }

  /** One pass over sums and squares would lose all digits of such a variance. */
  @Test
  void aLargeMeanCostsNoDigits() {
    CpuTensor values = CpuTensor.zeros(1, 1024);
    for (int i = 0; i < 1024; i++) {
      values.data()[i] = i % 2 == 0 ? 4096.25f : 4095.75f;
    }
    CpuTensor ones = CpuTensor.zeros(1, 1024);
    Arrays.fill(ones.data(), 1);
    each(
        operands -> {
          Tensor x = operands.in(values);
          operands.operations().layerNorm(x, operands.in(ones), null, 0, x);
          return operands.values(x);
        },
        found -> {
          for (int i = 0; i < 1024; i++) {
            assertThat(found.data()[i]).isEqualTo(i % 2 == 0 ? 1f : -1f);
          }
        });
  }

  /** On CUDA the mean's last digit may be another one, which is as large as what is left. */
  @Test
  void aLargeMeanGivesTheSameBits() {
    assumeFalse(which().isCuda(), "on CUDA the mean rounds otherwise");
    sameBits(
        "large mean",
        operands -> {
          Samples samples = new Samples(11);
          Tensor x = operands.in(samples.tensor(20, 300, 1e4f, 1));
          Tensor gain = operands.in(samples.tensor(1, 300));
          Tensor bias = operands.in(samples.tensor(1, 300));
          operands.operations().layerNorm(x, gain, bias, 1e-5f, x);
          operands.operations().layerNorm(x, gain, null, 1e-5f, x);
          return operands.values(x);
        });
  }
}
