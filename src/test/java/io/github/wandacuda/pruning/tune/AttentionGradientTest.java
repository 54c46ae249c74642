package io.github.wandacuda.pruning.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.ScalarHeadProducts;
import io.github.wandacuda.simd.VectorHeadProducts;
import io.github.wandacuda.system.Workers;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The gradient of attention against differences of attention in float64. */
class AttentionGradientTest {
  private static final int SEQUENCES = 2;
  private static final double STEP = 1e-4;
  private static final double TOLERANCE = 3e-5;

  /** Attention in float64, as the interface says it. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Exact(AttentionShape shape, float[] keyBias, float[] sinks) {
    double[] of(double[] q, double[] k, double[] v) {
      double[] out = new double[q.length];
      int length = shape.sequenceLength();
      int size = shape.headSize();
      for (int token = 0; token < SEQUENCES * length; token++) {
        int place = token % length;
        int start = token - place;
        for (int head = 0; head < shape.heads(); head++) {
          int at = (token * shape.heads() + head) * size;
          int shared = head / (shape.heads() / shape.keyValueHeads());
          double sum = sinks == null ? 0 : Math.exp(sinks[head]);
          double[] mixed = new double[size];
          for (int j = shape.firstKey(place); j <= place; j++) {
            int key = ((start + j) * shape.keyValueHeads() + shared) * size;
            double score = 0;
            for (int i = 0; i < size; i++) {
              score += q[at + i] * k[key + i];
            }
            score *= shape.scale();
            if (shape.softcap() > 0) {
              score = shape.softcap() * Math.tanh(score / shape.softcap());
            }
            double weight = Math.exp(keyBias == null ? score : score + keyBias[head * length + j]);
            sum += weight;
            for (int i = 0; i < size; i++) {
              mixed[i] += weight * v[key + i];
            }
          }
          for (int i = 0; i < size; i++) {
            out[at + i] = mixed[i] / sum;
          }
        }
      }
      return out;
    }
  }

  private final Random random = new Random(7);

  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int at = 0; at < count; at++) {
      numbers[at] = (float) random.nextGaussian();
    }
    return numbers;
  }

  private static double[] wide(float[] numbers) {
    double[] wide = new double[numbers.length];
    for (int at = 0; at < wide.length; at++) {
      wide[at] = numbers[at];
    }
    return wide;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 4, 0, 0, false, false",
    "2, 2, 3, 0, 0, false, false",
    "4, 2, 5, 0, 0, false, false",
    "6, 1, 2, 0, 3, false, false",
    "4, 2, 4, 1.5, 0, false, false",
    "2, 1, 4, 0, 0, true, false",
    "2, 1, 4, 0, 2, false, true",
    "4, 2, 3, 2.5, 4, true, true"
  })
  void gradientsAreDifferences(
      int heads,
      int keyValueHeads,
      int size,
      float softcap,
      int window,
      boolean biased,
      boolean sunk) {
    int length = 7;
    AttentionShape shape =
        new AttentionShape(length, 0, heads, keyValueHeads, size, 0.6f, softcap, window);
    float[] keyBias = biased ? numbers(heads * length) : null;
    float[] sinks = sunk ? numbers(heads) : null;
    float[] q = numbers(SEQUENCES * length * heads * size);
    float[] k = numbers(SEQUENCES * length * keyValueHeads * size);
    float[] v = numbers(k.length);
    float[] by = numbers(q.length);
    AttentionGradient.Gradients found;
    try (Workers workers = new Workers(3)) {
      found = new AttentionGradient(shape, q, k, v, keyBias, sinks).of(by, workers);
    }
    Exact exact = new Exact(shape, keyBias, sinks);
    double[][] operands = {wide(q), wide(k), wide(v)};
    float[][] gradients = {found.q(), found.k(), found.v()};
    for (int which = 0; which < operands.length; which++) {
      for (int at = 0; at < operands[which].length; at++) {
        assertThat((double) gradients[which][at])
            .as("operand %d, element %d", which, at)
            .isCloseTo(difference(exact, operands, which, at, by), within(TOLERANCE));
      }
    }
  }

  private static double difference(
      Exact exact, double[][] operands, int which, int at, float[] by) {
    double[] changed = operands[which];
    double before = changed[at];
    changed[at] = before + STEP;
    double above = product(exact.of(operands[0], operands[1], operands[2]), by);
    changed[at] = before - STEP;
    double below = product(exact.of(operands[0], operands[1], operands[2]), by);
    changed[at] = before;
    return (above - below) / (2 * STEP);
  }

  private static double product(double[] a, float[] b) {
    double sum = 0;
    for (int at = 0; at < b.length; at++) {
      sum += a[at] * b[at];
    }
    return sum;
  }

  /** Head sizes around those of vectors, and more keys than their sums have room for. */
  @ParameterizedTest
  @CsvSource({"5, 3", "16, 16", "33, 24", "70, 64", "81, 80", "130, 67"})
  void threadsAndVectorsChangeNoBit(int length, int size) {
    AttentionShape shape = new AttentionShape(length, 0, 4, 2, size, 0.3f, 0, length / 2 + 3);
    float[] q = numbers(SEQUENCES * length * 4 * size);
    float[] k = numbers(SEQUENCES * length * 2 * size);
    float[] v = numbers(k.length);
    float[] by = numbers(q.length);
    try (Workers one = new Workers(1);
        Workers four = new Workers(4)) {
      AttentionGradient.Gradients scalar =
          new AttentionGradient(shape, q, k, v, null, null, new ScalarHeadProducts()).of(by, one);
      AttentionGradient.Gradients vector =
          new AttentionGradient(shape, q, k, v, null, null, new VectorHeadProducts()).of(by, four);
      assertThat(vector.q()).isEqualTo(scalar.q());
      assertThat(vector.k()).isEqualTo(scalar.k());
      assertThat(vector.v()).isEqualTo(scalar.v());
    }
  }
}
