package io.github.wandacuda.device.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.device.DeviceMatrix;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention against the scalar code, whose values are of the order of 1. */
@Tag("gpu")
@Tag("pretend")
class CudaAttentionTest {
  private static final double TOLERANCE = 1e-5;

  private static AttentionShape shape(int length, int heads, int keyValueHeads, int headSize) {
    return new AttentionShape(
        length, heads, keyValueHeads, headSize, (float) (1 / Math.sqrt(headSize)), 0, 0);
  }

  private record Inputs(AttentionShape shape, float[] q, float[] k, float[] v, float[] keyBias) {
    static Inputs random(AttentionShape shape, int sequences) {
      return random(shape, sequences, null);
    }

    /**
     * @param keyBias of all heads, or null
     */
    static Inputs random(AttentionShape shape, int sequences, float[] keyBias) {
      int tokens = sequences * shape.sequenceLength();
      int shared = tokens * shape.keyValueHeads() * shape.headSize();
      return new Inputs(
          shape,
          ScalarOperations.random(tokens * shape.heads() * shape.headSize(), 2, 1),
          ScalarOperations.random(shared, 2, 2),
          ScalarOperations.random(shared, 1, 3),
          keyBias);
    }

    int columns() {
      return shape.heads() * shape.headSize();
    }

    int sharedColumns() {
      return shape.keyValueHeads() * shape.headSize();
    }

    float[] expected() {
      try (ScalarOperations scalar = new ScalarOperations()) {
        Tensor out = scalar.operations.tensor(q.length / columns(), columns());
        scalar.operations.attention(
            scalar.tensor(q, columns()),
            scalar.tensor(k, sharedColumns()),
            scalar.tensor(v, sharedColumns()),
            shape,
            keyBias == null ? null : scalar.tensor(keyBias, shape.sequenceLength()),
            out);
        return scalar.read(out);
      }
    }

    float[] found(ForwardSession session, int offset) {
      DeviceMatrix out = session.matrix(new float[q.length], columns(), offset);
      session.own.attention(
          session.matrix(q, columns(), offset),
          session.matrix(k, sharedColumns(), 0),
          session.matrix(v, sharedColumns(), offset),
          shape,
          keyBias == null ? null : session.matrix(keyBias, shape.sequenceLength(), offset),
          out);
      return session.read(out);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1, 0",
    "3, 1, 2, 1, 24, 0",
    "2, 33, 4, 2, 24, 0",
    "2, 65, 2, 2, 64, 1",
    "1, 130, 3, 1, 7, 0",
    "1, 64, 1, 1, 80, 0",
    "1, 97, 2, 1, 96, 1",
    "1, 129, 1, 1, 128, 0",
    "2, 70, 1, 1, 130, 0",
    "1, 33, 2, 2, 192, 0",
    "1, 65, 2, 1, 256, 1",
    "1, 40, 1, 1, 300, 0",
  })
  void attends(int sequences, int length, int heads, int keyValueHeads, int headSize, int offset) {
    Inputs inputs = Inputs.random(shape(length, heads, keyValueHeads, headSize), sequences);
    assertAgreement(inputs, 80, offset);
  }

  private static void assertAgreement(Inputs inputs, int capability, int offset) {
    float[] expected = inputs.expected();
    try (ForwardSession session = new ForwardSession(capability)) {
      float[] found = inputs.found(session, offset);
      for (int i = 0; i < expected.length; i++) {
        if (Float.isNaN(expected[i])) {
          assertThat(found[i]).as("%d", i).isNaN();
        } else {
          assertThat((double) found[i]).as("%d", i).isCloseTo(expected[i], within(TOLERANCE));
        }
      }
    }
  }

  /** Columns: length, heads, key and value heads, features, window, cap, slope, floats ahead. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 16, 1, 2, 1, 0",
    "70, 4, 2, 20, 15, 0, 0, 1",
    "130, 3, 1, 24, 0, 1.5, 0, 0",
    "200, 2, 2, 64, 64, 0, 0.1, 0",
    "200, 1, 1, 16, 65, 50, 0, 1",
    "300, 1, 1, 40, 129, 0, 0, 0",
    "300, 1, 1, 40, 1000, 0, 0.01, 0",
    "140, 2, 1, 80, 33, 4, -0.2, 0",
    "190, 1, 1, 128, 63, 0, 0, 1",
    "100, 2, 1, 144, 31, 30, 0, 0",
    "200, 1, 1, 256, 32, 50, 0.3, 1",
    "70, 1, 1, 300, 3, 1, 1, 0"
  })
  void attendsWithinWindowsAndBounds(
      int length, int heads, int shared, int headSize, int window, float cap, float slope, int at) {
    float scale = (float) (1 / Math.sqrt(headSize));
    AttentionShape shape = new AttentionShape(length, heads, shared, headSize, scale, cap, window);
    float[] bias = new float[heads * length];
    for (int i = 0; i < bias.length; i++) {
      bias[i] = slope * (i % length) * (1 + i / length);
    }
    assertAgreement(Inputs.random(shape, 2, slope == 0 ? null : bias), 75, at);
  }

  /** They weigh nothing, even where they are all that the first tiles have. */
  @ParameterizedTest
  @CsvSource({"64, 0", "64, 100", "256, 0"})
  void scoresCanBeMinusInfinity(int headSize, int window) {
    float[] bias = new float[150];
    Arrays.fill(bias, 0, 70, Float.NEGATIVE_INFINITY);
    float scale = (float) (1 / Math.sqrt(headSize));
    AttentionShape shape = new AttentionShape(150, 1, 1, headSize, scale, 0, window);
    assertAgreement(Inputs.random(shape, 1, bias), 80, 0);
  }

  /** Whether a tile is partly hidden or wholly. */
  @ParameterizedTest
  @CsvSource({"64, 10", "64, 70", "128, 10", "256, 70"})
  void whatAWindowHidesCanBeNoNumber(int headSize, int window) {
    float scale = (float) (1 / Math.sqrt(headSize));
    AttentionShape shape = new AttentionShape(250, 1, 1, headSize, scale, 0, window);
    Inputs inputs = Inputs.random(shape, 1);
    try (ForwardSession session = new ForwardSession(80)) {
      float[] finite = inputs.found(session, 0);
      for (int i = 0; i < 80 * headSize; i++) {
        inputs.k()[i] = Float.NaN;
        inputs.v()[i] = Float.POSITIVE_INFINITY;
      }
      float[] found = inputs.found(session, 0);
      for (int i = 0; i < found.length; i++) {
        if (i < (79 + window) * headSize) {
          assertThat(found[i]).as("%d", i).isNaN();
        } else {
          assertThat(found[i]).as("%d", i).isEqualTo(finite[i]);
        }
      }
    }
  }

  /** The softmax must not overflow, and one key must be able to take it all. */
  @Test
  void largeScoresAreNoTrouble() {
    Inputs inputs = Inputs.random(shape(130, 1, 1, 64), 1);
    for (int i = 0; i < inputs.q().length; i++) {
      inputs.q()[i] *= 1000;
    }
    assertAgreement(inputs, 75, 0);
  }

  @ParameterizedTest
  @CsvSource({"64", "256"})
  void whatIsNotSeenCanBeNoNumber(int headSize) {
    Inputs inputs = Inputs.random(shape(100, 1, 1, headSize), 1);
    float[] finite;
    try (ForwardSession session = new ForwardSession(80)) {
      finite = inputs.found(session, 0);
      for (int i = 50 * headSize; i < inputs.k().length; i++) {
        inputs.k()[i] = Float.NaN;
        inputs.v()[i] = Float.POSITIVE_INFINITY;
      }
      float[] found = inputs.found(session, 0);
      for (int i = 0; i < found.length; i++) {
        if (i < 50 * headSize) {
          assertThat(found[i]).as("%d", i).isEqualTo(finite[i]);
        } else {
          assertThat(found[i]).as("%d", i).isNaN();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Order.class,
      names = {"REVERSE", "SHUFFLED"})
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    Inputs inputs = Inputs.random(shape(100, 2, 1, 72), 1);
    try (ForwardSession session = new ForwardSession(80)) {
      float[] inOrder = inputs.found(session, 0);
      session.driver().order(order, 1);
      assertThat(inputs.found(session, 0)).isEqualTo(inOrder);
    }
  }
}
