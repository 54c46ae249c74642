package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Addition, scaling, bounding, xIELU and clearing: the scalar code's bits everywhere. */
@EachBackend(variants = {TestedBackend.CUDA_FEW_BLOCKS, TestedBackend.CUDA_MANY_BLOCKS})
class ElementwiseTest extends OperationCases {
  private static final Elementwise.Xielu XIELU = new Elementwise.Xielu(0.8f, 1.3f, 0.5f, -1e-6f);

  ElementwiseTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void addAdds() {
    CpuTensor y = Samples.of(2, 10f, 20f, Float.NaN, Float.MAX_VALUE);
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(2, 1f, 2f, 3f, Float.MAX_VALUE));
          operands.operations().elementwise(new Elementwise.Add(), x, operands.in(y), x);
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(11f, 22f, Float.NaN, Float.POSITIVE_INFINITY));
  }

  @Test
  void softcapBoundsAndScaleMultiplies() {
    CpuTensor before =
        Samples.of(1, -1e9f, -20f, -0.1f, 0f, 3f, 40f, Float.POSITIVE_INFINITY, Float.NaN);
    each(
        operands -> {
          Tensor x = operands.in(before);
          operands.operations().elementwise(new Elementwise.Softcap(30f), x, null, x);
          CpuTensor capped = operands.values(x);
          operands.operations().elementwise(new Elementwise.Scale(0.5f), x, null, x);
          assertThat(operands.values(x).data()[0]).isEqualTo(-15f);
          return capped;
        },
        x -> {
          for (int i = 0; i < 7; i++) {
            double expected = 30 * Math.tanh(before.data()[i] / 30.0);
            assertThat(at(x, 0, i)).isCloseTo(expected, within(2e-7 * Math.abs(expected)));
          }
          assertThat(x.data()[7]).isNaN();
        });
  }

  @Test
  void clampBounds() {
    float inf = Float.POSITIVE_INFINITY;
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(1, -inf, -3f, -2f, -0f, 7f, 8f, inf, Float.NaN));
          operands.operations().elementwise(new Elementwise.Clamp(-2f, 7f), x, null, x);
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(-2f, -2f, -2f, -0f, 7f, 7f, 7f, Float.NaN));
    assertThatThrownBy(() -> new Elementwise.Clamp(2, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("from 2.0 to 1.0");
  }

  @Test
  void xieluFollowsItsFormula() {
    CpuTensor before = CpuTensor.zeros(1, 4001);
    for (int i = 0; i <= 4000; i++) {
      before.data()[i] = (i - 2000) * 0.005f;
    }
    each(
        operands -> {
          Tensor x = operands.in(before);
          operands.operations().elementwise(XIELU, x, null, x);
          return operands.values(x);
        },
        x -> {
          for (int i = 0; i <= 4000; i++) {
            double of = before.data()[i];
            double expected =
                of > 0
                    ? XIELU.positive() * of * of + XIELU.beta() * of
                    : XIELU.negative() * (Math.expm1(Math.min(of, XIELU.epsilon())) - of)
                        + XIELU.beta() * of;
            assertThat(at(x, 0, i)).isCloseTo(expected, within(4e-7 * (1 + Math.abs(expected))));
          }
        });
  }

  @Test
  void aClampedGateBoundsBothOfItsInputs() {
    CpuTensor x = Samples.of(2, 1, 9, -9, Float.NaN, 0.5f, 2);
    CpuTensor y = Samples.of(2, 2, 3, -8, 1, Float.NaN, -0.5f);
    each(
        operands -> {
          Tensor gate = operands.in(x);
          operands
              .operations()
              .elementwise(new Elementwise.ClampedGate(7), gate, operands.in(y), gate);
          return operands.values(gate);
        },
        out -> {
          for (int i = 0; i < 6; i++) {
            double gate = Math.min(x.data()[x.at(0) + i], 7);
            double up = Math.clamp((double) y.data()[y.at(0) + i], -7, 7);
            double expected = gate / (1 + Math.exp(-1.702 * gate)) * (up + 1);
            assertThat((double) out.data()[out.at(0) + i])
                .satisfies(
                    found -> {
                      if (Double.isNaN(expected)) {
                        assertThat(found).isNaN();
                      } else {
                        assertThat(found)
                            .isCloseTo(expected, within(2e-6 * Math.abs(expected) + 1e-12));
                      }
                    });
          }
        });
  }

  @Test
  void clampedGatesOfEveryWidthHaveTheSameBits() {
    for (int columns : WIDTHS) {
      sameBits(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x = operands.in(samples.spoil(samples.tensor(257, columns, 0, 2), 100));
            Tensor y = operands.in(samples.spoil(samples.tensor(257, columns, 0, 2), 100));
            operands.operations().elementwise(new Elementwise.ClampedGate(1.5f), x, y, y);
            return operands.values(y);
          });
    }
  }

  @Test
  void aNewTensorIsZeroAndItsRowsAreNoCopies() {
    each(
        operands -> {
          try (Tensor tensor = operands.operations().tensor(4, 2)) {
            assertThat(operands.values(tensor).data()).containsOnly(0f);
            Tensor reshaped = tensor.rows(1, 3).reshaped(2, 3);
            assertThat(reshaped.overlaps(tensor.rows(0, 1))).isFalse();
            assertThat(reshaped.overlaps(tensor.rows(3, 1))).isTrue();
            operands
                .operations()
                .upload(MemorySegment.ofArray(new float[] {1, 2, 3}), reshaped.rows(1, 1));
            return operands.values(tensor);
          }
        },
        x -> assertThat(x.data()).containsExactly(0, 0, 0, 0, 0, 1, 2, 3));
  }

  @Test
  void clearLeavesOtherRowsAlone() {
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(3, -4, -4, 3, 4, 55, 66));
          operands.operations().clear(x.rows(1, 1));
          operands.operations().clear(x.rows(0, 0));
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(-4, -4, 0, 0, 55, 66));
  }

  @Test
  void sumsOfEveryWidthHaveTheSameBits() {
    for (int columns : WIDTHS) {
      sameBits(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x = operands.in(samples.spoil(samples.tensor(257, columns), 100));
            Tensor y = operands.in(samples.spoil(samples.tensor(257, columns), 100));
            operands.operations().elementwise(new Elementwise.Add(), x, y, y);
            return operands.values(y);
          });
    }
  }

  @Test
  void productsAndBoundsOfEveryWidthHaveTheSameBits() {
    for (int columns : WIDTHS) {
      sameBits(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x = operands.in(samples.spoil(samples.tensor(257, columns), 100));
            Tensor scaled = operands.in(samples.tensor(257, columns));
            Tensor bounded = operands.in(samples.tensor(257, columns));
            operands.operations().elementwise(new Elementwise.Scale(3.1f), x, null, scaled);
            operands.operations().elementwise(new Elementwise.Softcap(1.3f), scaled, null, bounded);
            operands.operations().elementwise(XIELU, bounded, null, bounded);
            operands.operations().elementwise(new Elementwise.Clamp(-1, 1), bounded, null, scaled);
            operands.operations().elementwise(new Elementwise.Add(), bounded, scaled, bounded);
            return operands.values(bounded);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0", "3, 7, 0", "16, 64, 0", "16, 64, 1",
    "130, 1030, 0", "3, 85, 0", "1, 256, 0", "257, 1, 0",
    "31, 1031, 0"
  })
  void edgesHaveTheSameBitsAtAnyPlace(int rows, int columns, int offset) {
    Samples samples = new Samples(rows);
    CpuTensor x = samples.withEdges(rows, columns, 3);
    CpuTensor spoiled = samples.spoil(samples.tensor(rows, columns), 8);
    sameBits(
        "add",
        operands -> {
          Tensor sum = operands.in(x, offset);
          operands.operations().elementwise(new Elementwise.Add(), sum, operands.in(spoiled), sum);
          return operands.values(sum);
        });
    for (CpuTensor values : new CpuTensor[] {x, spoiled}) {
      sameBits(
          "scale",
          operands -> {
            Tensor scaled = operands.in(values, offset);
            operands.operations().elementwise(new Elementwise.Scale(-1.7f), scaled, null, scaled);
            return operands.values(scaled);
          });
      for (Elementwise operation : List.of(new Elementwise.Clamp(-0.5f, 2), XIELU)) {
        sameBits(
            operation.toString(),
            operands -> {
              Tensor changed = operands.in(values, offset);
              operands.operations().elementwise(operation, changed, null, changed);
              return operands.values(changed);
            });
      }
      for (float cap : new float[] {0.8f, 2.5f}) {
        sameBits(
            "softcap",
            operands -> {
              Tensor capped = operands.in(values, offset);
              operands.operations().elementwise(new Elementwise.Softcap(cap), capped, null, capped);
              return operands.values(capped);
            });
      }
    }
  }

  @Test
  void xieluOverTheWholeRangeHasTheSameBits() {
    sameBits(
        "xielu",
        operands -> {
          Tensor x = operands.in(Samples.wholeRange());
          operands.operations().elementwise(XIELU, x, null, x);
          return operands.values(x);
        });
  }

  @ParameterizedTest
  @ValueSource(floats = {1f, 30f, 1e-38f, 3e38f})
  void boundsOverTheWholeRangeHaveTheSameBits(float cap) {
    sameBits(
        "softcap",
        operands -> {
          Tensor x = operands.in(Samples.wholeRange());
          operands.operations().elementwise(new Elementwise.Softcap(cap), x, null, x);
          return operands.values(x);
        });
  }
}
