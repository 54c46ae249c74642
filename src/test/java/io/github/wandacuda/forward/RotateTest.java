package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rotation of pairs of features, of all or of some: the scalar code's bits everywhere. */
@EachBackend
class RotateTest extends OperationCases {
  RotateTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void eachPairIsTurnedByItsAngle() {
    int positions = 5;
    int half = 3;
    CpuTensor cos = CpuTensor.zeros(positions, half);
    CpuTensor sin = CpuTensor.zeros(positions, half);
    for (int i = 0; i < positions * half; i++) {
      cos.data()[i] = (float) Math.cos(i);
      sin.data()[i] = (float) Math.sin(i);
    }
    CpuTensor before = new Samples(7).tensor(2 * positions, 2 * 2 * half);
    each(
        operands -> {
          Tensor x = operands.in(before);
          operands
              .operations()
              .rotate(x, RotaryPairs.halves(2 * half), operands.in(cos), operands.in(sin));
          return operands.values(x);
        },
        x -> {
          for (int t = 0; t < x.rows(); t++) {
            for (int pair = 0; pair < 2 * half; pair++) {
              int first = pair / half * 2 * half + pair % half;
              double angle = t % positions * half + pair % half;
              double a = at(before, t, first);
              double b = at(before, t, first + half);
              assertThat(at(x, t, first))
                  .isCloseTo(a * Math.cos(angle) - b * Math.sin(angle), within(1e-6));
              assertThat(at(x, t, first + half))
                  .isCloseTo(b * Math.cos(angle) + a * Math.sin(angle), within(1e-6));
            }
          }
        });
  }

  @Test
  void rotationOfAPartLeavesTheRest() {
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
          Tensor cos = operands.in(Samples.of(2, 1, 0));
          operands
              .operations()
              .rotate(x, RotaryPairs.halves(3), cos, operands.in(Samples.of(2, 0, 1)));
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(1, 2, 3, 4, 5, 6, -8, 7, 9, -11, 10, 12));
  }

  @Test
  void neighboursAreTurnedFromTheFirstFeatureOn() {
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
          RotaryPairs pairs = new RotaryPairs(6, 1, true);
          Tensor cos = operands.in(Samples.of(2, 1, 0, 0, 1));
          operands.operations().rotate(x, pairs, cos, operands.in(Samples.of(2, 0, 1, 2, 0)));
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(1, 2, 3, -5, 4, 6, 7, -18, 16, 10, 11, 12));
  }

  @Test
  void everyWidthGivesTheSameBits() {
    for (int pairs : WIDTHS) {
      for (int rest : new int[] {0, 5}) {
        sameBits(
            pairs + " pairs",
            operands -> {
              Samples samples = new Samples(pairs);
              int headSize = 2 * pairs + rest;
              Tensor x = operands.in(samples.spoil(samples.tensor(30, 3 * headSize), 200));
              Tensor cos = operands.in(samples.tensor(10, pairs));
              Tensor sin = operands.in(samples.tensor(10, pairs));
              operands.operations().rotate(x, RotaryPairs.halves(headSize), cos, sin);
              return operands.values(x);
            });
      }
    }
  }

  /** Columns: sequences, positions, heads, features, pairs, floats before x and before sines. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 2, 1, 0", "2, 3, 5, 6, 3, 0", "3, 17, 4, 128, 64, 0", "1, 5, 3, 80, 40, 0",
    "2, 2, 1, 514, 257, 0", "2, 3, 5, 6, 1, 0", "3, 17, 4, 80, 10, 0", "1, 5, 3, 7, 3, 0",
    "2, 2, 1, 600, 16, 0", "4, 3, 5, 2, 1, 0", "4, 3, 5, 6, 3, 0", "4, 3, 5, 8, 4, 0",
    "4, 3, 5, 8, 4, 1", "4, 3, 5, 80, 40, 0", "4, 3, 5, 128, 64, 2", "2, 4, 3, 3, 1, 0",
    "2, 4, 3, 20, 4, 0", "2, 4, 3, 20, 8, 1", "2, 4, 3, 22, 8, 0", "2, 4, 3, 80, 16, 0",
    "2, 4, 3, 96, 46, 0", "70, 1000, 1, 2, 1, 0"
  })
  void headsOfAnySizeAndPlaceGiveTheSameBits(
      int sequences, int positions, int heads, int headSize, int pairs, int offset) {
    for (boolean interleaved : new boolean[] {false, true}) {
      for (int first : new int[] {0, headSize - 2 * pairs}) {
        sameBits(
            "interleaved %s, from feature %d on".formatted(interleaved, first),
            operands -> {
              Samples samples = new Samples(headSize);
              Tensor x =
                  operands.in(samples.tensor(sequences * positions, heads * headSize), offset);
              Tensor cos = operands.in(samples.tensor(positions, pairs));
              Tensor sin = operands.in(samples.tensor(positions, pairs), offset);
              RotaryPairs of = new RotaryPairs(headSize, first, interleaved);
              operands.operations().rotate(x, of, cos, sin);
              return operands.values(x);
            });
      }
    }
  }
}
