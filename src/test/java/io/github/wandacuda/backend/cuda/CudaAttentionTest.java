package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.testing.PretendCuda.Order;
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
        length, heads, keyValueHeads, headSize, (float) (1 / Math.sqrt(headSize)));
  }

  private record Inputs(AttentionShape shape, float[] q, float[] k, float[] v) {
    static Inputs random(AttentionShape shape, int sequences) {
      int tokens = sequences * shape.sequenceLength();
      int shared = tokens * shape.keyValueHeads() * shape.headSize();
      return new Inputs(
          shape,
          ScalarOperations.random(tokens * shape.heads() * shape.headSize(), 2, 1),
          ScalarOperations.random(shared, 2, 2),
          ScalarOperations.random(shared, 1, 3));
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
            null,
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
          null,
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
    float[] expected = inputs.expected();
    try (ForwardSession session = new ForwardSession(80)) {
      float[] found = inputs.found(session, offset);
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) found[i]).as("%d", i).isCloseTo(expected[i], within(TOLERANCE));
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
    float[] expected = inputs.expected();
    try (ForwardSession session = new ForwardSession(75)) {
      float[] found = inputs.found(session, 0);
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) found[i]).as("%d", i).isCloseTo(expected[i], within(TOLERANCE));
      }
    }
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
