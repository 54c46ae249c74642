package io.github.wandacuda.device.cuda;

import static io.github.wandacuda.device.cuda.ScalarOperations.bits;
import static io.github.wandacuda.device.cuda.ScalarOperations.random;
import static io.github.wandacuda.device.cuda.ScalarOperations.withEdges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.device.DeviceMatrix;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Kernels of the parts in which decoders differ, on memory of any alignment. */
@Tag("gpu")
@Tag("pretend")
class CudaDecoderPartsTest {
  private final ScalarOperations scalar = new ScalarOperations();
  private ForwardSession session;

  @BeforeEach
  void open() {
    session = new ForwardSession(80);
  }

  @AfterEach
  void close() {
    scalar.close();
    if (session != null) {
      session.close();
    }
  }

  private void assertSameBits(DeviceMatrix found, Tensor expected) {
    assertThat(bits(session.read(found))).isEqualTo(bits(scalar.read(expected)));
  }

  private static double largest(float[] values) {
    double largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  /**
   * A row of 12032 columns is the longest that a block keeps. The mean is known to a few units in
   * its last place, so errors are as large where the result is small.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 0, 0",
    "7, 0, 0",
    "64, 0, 0",
    "64, 1, 0",
    "64, 0, 3",
    "1000, 0, 0",
    "12032, 0, 0",
    "12036, 0, 0",
    "13001, 0, 0"
  })
  void normalizesLayers(int columns, int offset, int gainOffset) {
    float[] values = random(3 * columns, 2, columns);
    for (int i = 0; i < values.length; i++) {
      values[i] += 7;
    }
    float[] gain = random(columns, 1, 5);
    float[] bias = random(columns, 1, 6);
    for (boolean biased : new boolean[] {true, false}) {
      DeviceMatrix x = session.matrix(values, columns, offset);
      DevicePointer biases = biased ? session.vector(bias, gainOffset) : null;
      session.own.layerNorm(x, session.vector(gain, gainOffset), biases, 1e-5f, x);
      Tensor expected = scalar.tensor(values, columns);
      scalar.operations.layerNorm(
          expected,
          scalar.tensor(gain, columns),
          biased ? scalar.tensor(bias, columns) : null,
          1e-5f,
          expected);
      float[] found = session.read(x);
      float[] wanted = scalar.read(expected);
      double allowed = 2e-6 * largest(wanted);
      for (int i = 0; i < wanted.length; i++) {
        assertThat((double) found[i]).as("%d", i).isCloseTo(wanted[i], within(allowed));
      }
    }
  }

  /** One pass over sums and squares would lose all digits of such a variance. */
  @Test
  void aLargeMeanCostsNoDigits() {
    float[] values = new float[1024];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 2 == 0 ? 4096.25f : 4095.75f;
    }
    float[] ones = new float[1024];
    Arrays.fill(ones, 1);
    DeviceMatrix x = session.matrix(values, 1024, 0);
    session.own.layerNorm(x, session.vector(ones, 0), null, 0, x);
    float[] found = session.read(x);
    for (int i = 0; i < found.length; i++) {
      assertThat(found[i]).isEqualTo(i % 2 == 0 ? 1f : -1f);
    }
  }

  @ParameterizedTest
  @EnumSource
  void activatesToTheBit(Activation activation) {
    for (int[] shape : new int[][] {{1, 1, 0}, {3, 7, 0}, {16, 64, 1}, {130, 1030, 0}}) {
      float[] values = withEdges(shape[0] * shape[1], 1);
      float[] other = random(values.length, 2, 2);
      DeviceMatrix x = session.matrix(values, shape[1], shape[2]);
      DeviceMatrix up = session.matrix(other, shape[1], 0);
      session.own.gate(activation, x, up, up);
      session.own.activate(activation, x, x);
      Tensor expected = scalar.tensor(values, shape[1]);
      Tensor gated = scalar.tensor(other, shape[1]);
      scalar.operations.gate(activation, expected, gated, gated);
      scalar.operations.activate(activation, expected, expected);
      assertSameBits(up, gated);
      assertSameBits(x, expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "3, 7, 0", "16, 64, 1", "130, 1030, 0"})
  void scalesAndBoundsToTheBit(int rows, int columns, int offset) {
    float[] values = withEdges(rows * columns, 3);
    DeviceMatrix x = session.matrix(values, columns, offset);
    session.own.softcap(x, 2.5f);
    session.own.scale(x, -1.3f);
    Tensor expected = scalar.tensor(values, columns);
    scalar.operations.softcap(expected, 2.5f);
    scalar.operations.scale(expected, -1.3f);
    assertSameBits(x, expected);
  }

  @ParameterizedTest
  @CsvSource({"3, 1, 0", "20, 4, 0", "20, 8, 1", "22, 8, 0", "80, 16, 0", "96, 46, 0"})
  void rotatesAPartToTheBit(int headSize, int pairs, int offset) {
    int columns = 3 * headSize;
    float[] values = random(8 * columns, 1, headSize);
    float[] cos = random(4 * pairs, 1, 1);
    float[] sin = random(4 * pairs, 1, 2);
    DeviceMatrix x = session.matrix(values, columns, offset);
    session.own.rotate(
        x, headSize, session.matrix(cos, pairs, 0), session.matrix(sin, pairs, offset));
    Tensor expected = scalar.tensor(values, columns);
    scalar.operations.rotate(
        expected, headSize, scalar.tensor(cos, pairs), scalar.tensor(sin, pairs));
    assertSameBits(x, expected);
  }

  /** Columns: of the source, offset, width, stride, groups, floats before each matrix. */
  @ParameterizedTest
  @CsvSource({
    "1, 0, 1, 0, 1, 0",
    "48, 16, 32, 0, 1, 0",
    "48, 0, 8, 24, 2, 0",
    "48, 8, 8, 24, 2, 1",
    "49, 8, 8, 24, 2, 0",
    "48, 8, 8, 22, 2, 0",
    "48, 3, 5, 7, 6, 0",
    "6000, 64, 64, 192, 31, 0"
  })
  void gathersColumns(int columns, int from, int width, int stride, int groups, int offset) {
    float[] values = withEdges(5 * columns, 3);
    DeviceMatrix out = session.matrix(new float[5 * groups * width], groups * width, offset);
    session.own.gatherColumns(session.matrix(values, columns, offset), from, width, stride, out);
    Tensor expected = scalar.operations.tensor(5, groups * width);
    scalar.operations.gatherColumns(scalar.tensor(values, columns), from, width, stride, expected);
    assertSameBits(out, expected);
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "7, 0", "64, 0", "64, 1", "1030, 0", "4096, 0"})
  void gathersAndAddsRowsToTheBit(int columns, int offset) {
    float[] values = withEdges(6 * columns, 3);
    float[] others = random(6 * columns, 1, 4);
    int[] rows = {5, 0, 2};
    float[] factors = {0.3f, -1.7f, 1e-30f};
    DeviceMatrix some = session.matrix(new float[3 * columns], columns, offset);
    DeviceMatrix sum = session.matrix(others, columns, 0);
    DevicePointer places = session.integers(rows);
    session.own.gatherRows(session.matrix(values, columns, offset), places, some);
    session.own.addRows(some, places, session.vector(factors, 1), sum);
    Tensor gathered = scalar.operations.tensor(3, columns);
    Tensor expected = scalar.tensor(others, columns);
    scalar.operations.gatherRows(scalar.tensor(values, columns), rows, gathered);
    scalar.operations.addRows(gathered, rows, factors, expected);
    assertSameBits(some, gathered);
    assertSameBits(sum, expected);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0",
    "7, 6, 3, 1",
    "8, 8, 2, 0",
    "9, 16, 16, 0",
    "130, 60, 4, 0",
    "3, 128, 8, 0",
    "2, 1000, 40, 3"
  })
  void routesToTheBit(int tokens, int experts, int k, int offset) {
    float[] logits = random(tokens * experts, 2, experts);
    for (int i = 0; i < logits.length; i += 3) {
      logits[i] = Math.round(logits[i]);
    }
    for (boolean renormalize : new boolean[] {true, false}) {
      Routing expected = scalar.operations.route(scalar.tensor(logits, experts), k, renormalize);
      DevicePointer chosen = session.allocate(4L * tokens * k);
      DevicePointer weights = session.allocate(4L * tokens * k);
      session.own.route(session.matrix(logits, experts, offset), k, renormalize, chosen, weights);
      float[] found = session.read(chosen, tokens * k);
      for (int i = 0; i < found.length; i++) {
        assertThat(Float.floatToRawIntBits(found[i])).isEqualTo(expected.experts()[i]);
      }
      assertThat(session.read(weights, tokens * k)).isEqualTo(expected.weights());
    }
  }

  @Test
  void takesMatricesWithoutRows() {
    DeviceMatrix none = session.matrix(new float[0], 8, 0);
    DevicePointer place = session.allocate(64);
    session.own.layerNorm(none, place, place, 1e-5f, none);
    session.own.activate(Activation.GELU, none, none);
    session.own.scale(none, 2);
    session.own.softcap(none, 2);
    session.own.gatherColumns(none, 0, 8, 0, none);
    session.own.route(none, 2, true, place, place);
    session.own.gatherRows(none, place, none);
    session.own.addRows(none, place, place, none);
    session.queue.finish();
    assertThat(session.driver().launches()).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = Order.class,
      names = {"REVERSE", "SHUFFLED"})
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    float[] values = random(40 * 300, 1, 8);
    float[] gain = random(300, 1, 9);
    float[] inOrder = normalizeAndRoute(values, gain);
    session.driver().order(order, 3);
    assertThat(bits(normalizeAndRoute(values, gain))).isEqualTo(bits(inOrder));
  }

  private float[] normalizeAndRoute(float[] values, float[] gain) {
    DeviceMatrix x = session.matrix(values, 300, 0);
    session.own.layerNorm(x, session.vector(gain, 0), null, 1e-5f, x);
    DevicePointer chosen = session.allocate(40L * 4 * 4);
    DevicePointer weights = session.allocate(40L * 4 * 4);
    session.own.route(x, 4, false, chosen, weights);
    return session.read(weights, 40 * 4);
  }
}
