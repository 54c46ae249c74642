package io.github.wandacuda.device.cuda;

import static io.github.wandacuda.device.cuda.ScalarOperations.bits;
import static io.github.wandacuda.device.cuda.ScalarOperations.random;
import static io.github.wandacuda.device.cuda.ScalarOperations.withEdges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.device.DeviceMatrix;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.GpuForwardKernels;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Kernels over rows and elements, against the scalar ones. */
@Tag("gpu")
@Tag("pretend")
class CudaForwardKernelsTest {
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

  @ParameterizedTest
  @EnumSource(DType.class)
  void embedsEveryTypeExactly(DType dtype) {
    for (int columns : new int[] {1, 4, 7, 20, 1060}) {
      for (int offset : new int[] {0, 1}) {
        PaddedWeight table = PaddedWeight.random(dtype, 9, columns, columns);
        int[] tokens = {8, 0, 3, 3};
        DeviceMatrix out = session.matrix(new float[4 * columns], columns, offset);
        session.own.embed(session.weight(table), session.integers(tokens), out);
        Tensor expected = scalar.operations.tensor(4, columns);
        scalar.operations.embed(scalar.operations.weight(table.matrix()), tokens, expected);
        assertThat(bits(session.read(out))).isEqualTo(bits(scalar.read(expected)));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 0",
    "7, 0, 0",
    "64, 0, 0",
    "64, 1, 0",
    "64, 0, 3",
    "1000, 0, 0",
    "12200, 0, 0",
    "12240, 0, 0",
    "12256, 0, 0",
    "13000, 0, 0"
  })
  void normalizesRows(int columns, int offset, int gainOffset) {
    float[] values = random(3 * columns, 2, columns);
    float[] gain = random(columns, 1, 5);
    DeviceMatrix x = session.matrix(values, columns, offset);
    session.own.rmsNorm(x, session.vector(gain, gainOffset), 1e-5f, x);
    Tensor expected = scalar.tensor(values, columns);
    scalar.operations.rmsNorm(expected, scalar.tensor(gain, columns), 1e-5f, expected);
    assertClose(session.read(x), scalar.read(expected), 2e-6);
  }

  /** Compares relative to the larger of 1 and the expected value. */
  private static void assertClose(float[] found, float[] expected, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      assertThat((double) found[i]).as("%d", i).isCloseTo(expected[i], within(allowed));
    }
  }

  @ParameterizedTest
  @CsvSource({"2, 0", "6, 0", "8, 0", "8, 1", "80, 0", "128, 2"})
  void rotatesToTheBit(int headSize, int offset) {
    int positions = 3;
    int columns = 5 * headSize;
    float[] values = random(4 * positions * columns, 1, headSize);
    float[] cos = random(positions * headSize / 2, 1, 1);
    float[] sin = random(positions * headSize / 2, 1, 2);
    DeviceMatrix x = session.matrix(values, columns, offset);
    session.own.rotate(
        x,
        headSize,
        session.matrix(cos, headSize / 2, 0),
        session.matrix(sin, headSize / 2, offset));
    Tensor expected = scalar.tensor(values, columns);
    scalar.operations.rotate(
        expected, headSize, scalar.tensor(cos, headSize / 2), scalar.tensor(sin, headSize / 2));
    assertThat(bits(session.read(x))).isEqualTo(bits(scalar.read(expected)));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "3, 7, 0", "16, 64, 0", "16, 64, 1", "130, 1030, 0"})
  void addsAndGatesToTheBit(int rows, int columns, int offset) {
    float[] a = withEdges(rows * columns, 1);
    float[] b = random(rows * columns, 2, 2);
    DeviceMatrix x = session.matrix(a, columns, offset);
    DeviceMatrix y = session.matrix(b, columns, 0);
    session.own.gate(Activation.SILU, x, y, y);
    session.own.add(x, y);
    Tensor expected = scalar.tensor(a, columns);
    Tensor other = scalar.tensor(b, columns);
    scalar.operations.gate(Activation.SILU, expected, other, other);
    scalar.operations.add(expected, other);
    assertThat(bits(session.read(y))).isEqualTo(bits(scalar.read(other)));
    assertThat(bits(session.read(x))).isEqualTo(bits(scalar.read(expected)));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "31, 33, 0", "32, 64, 1", "33, 7, 0", "300, 40, 0", "8229, 3, 0"})
  void sumsSquaresToTheBit(int rows, int columns, int offset) {
    float[] values = random(rows * columns, 3, rows);
    DevicePointer state = session.allocate(session.own.columnSquaresBytes(columns));
    session.queue.clear(state, session.own.columnSquaresBytes(columns));
    DeviceMatrix x = session.matrix(values, columns, offset);
    session.own.columnSquares(x, state);
    session.own.columnSquares(x.rowRange(0, rows / 2), state);
    DevicePointer sums = session.allocate(8L * columns);
    session.own.columnSums(state, columns, sums);
    float[] halves = session.read(sums, 2 * columns);
    Tensor all = scalar.tensor(values, columns);
    try (ColumnSquares squares = scalar.operations.columnSquares(columns)) {
      squares.add(all);
      squares.add(all.rows(0, rows / 2));
      for (int column = 0; column < columns; column++) {
        double expected = squares.sums()[column];
        float high = (float) expected;
        assertThat(halves[column]).isEqualTo(high);
        assertThat(halves[columns + column]).isEqualTo((float) (expected - high));
      }
    }
  }

  @Test
  void sumsThatAreNotFiniteStayWhatTheyAre() {
    float[] values = {1e30f, Float.NaN, Float.NEGATIVE_INFINITY};
    DevicePointer state = session.allocate(session.own.columnSquaresBytes(3));
    session.queue.clear(state, session.own.columnSquaresBytes(3));
    session.own.columnSquares(session.matrix(values, 3, 0), state);
    DevicePointer sums = session.allocate(24);
    session.own.columnSums(state, 3, sums);
    assertThat(session.read(sums, 6))
        .containsExactly(Float.POSITIVE_INFINITY, Float.NaN, Float.POSITIVE_INFINITY, 0f, 0f, 0f);
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "5, 0", "64, 0", "129, 0", "3000, 1"})
  void makesUpCrossEntropy(int vocabulary, int offset) {
    float[] logits = random(4 * vocabulary, 20, vocabulary);
    logits[vocabulary - 1] = Float.NEGATIVE_INFINITY;
    logits[vocabulary] = 500;
    Arrays.fill(logits, 2 * vocabulary, 2 * vocabulary + vocabulary / 2, Float.NEGATIVE_INFINITY);
    int[] targets = {0, vocabulary - 1, vocabulary / 2, 0};
    DevicePointer losses = session.allocate(4L * 4 * GpuForwardKernels.LOSS_FLOATS);
    session.own.crossEntropy(
        session.matrix(logits, vocabulary, offset), session.integers(targets), losses);
    float[] parts = session.read(losses, 4 * GpuForwardKernels.LOSS_FLOATS);
    double[] expected = scalar.operations.crossEntropy(scalar.tensor(logits, vocabulary), targets);
    for (int row = 0; row < 4; row++) {
      double loss = Math.log(parts[3 * row + 1]) + ((double) parts[3 * row] - parts[3 * row + 2]);
      assertThat(parts[3 * row + 2]).isEqualTo(logits[row * vocabulary + targets[row]]);
      if (Double.isNaN(expected[row])) {
        assertThat(loss).isNaN();
      } else {
        assertThat(loss).isCloseTo(expected[row], within(1e-6));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity"})
  void aLogitThatIsNoNumberShows(float logit) {
    float[] logits = random(2 * 300, 1, 1);
    logits[150] = logit;
    DevicePointer losses = session.allocate(2L * 4 * GpuForwardKernels.LOSS_FLOATS);
    session.own.crossEntropy(session.matrix(logits, 300, 0), session.integers(3, 3), losses);
    float[] parts = session.read(losses, 2 * GpuForwardKernels.LOSS_FLOATS);
    assertThat(parts[1]).isNaN();
    assertThat(parts[4]).isBetween(1f, 300f);
  }

  @Test
  void takesMatricesWithoutRows() {
    DeviceMatrix none = session.matrix(new float[0], 8, 0);
    DeviceMatrix weight = session.weight(PaddedWeight.random(DType.BF16, 8, 8, 1));
    DevicePointer place = session.allocate(64);
    session.own.embed(weight, place, none);
    session.own.rmsNorm(none, place, 1e-5f, none);
    session.own.linear(none, weight, null, session.matrix(new float[0], 8, 0));
    session.own.rotate(
        none, 8, session.matrix(new float[4], 4, 0), session.matrix(new float[4], 4, 0));
    session.own.add(none, none);
    session.own.gate(Activation.SILU, none, none, none);
    session.own.columnSquares(none, place);
    session.own.crossEntropy(none, place, place);
    session.queue.finish();
    assertThat(session.driver().launches()).isZero();
  }

  @ParameterizedTest
  @EnumSource(Order.class)
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    float[] values = random(40 * 300, 1, 8);
    float[] gain = random(300, 1, 9);
    float[] inOrder = normalizeAndSum(values, gain);
    session.driver().order(order, 3);
    assertThat(bits(normalizeAndSum(values, gain))).isEqualTo(bits(inOrder));
  }

  private float[] normalizeAndSum(float[] values, float[] gain) {
    DeviceMatrix x = session.matrix(values, 300, 0);
    session.own.rmsNorm(x, session.vector(gain, 0), 1e-5f, x);
    DevicePointer losses = session.allocate(40L * 4 * GpuForwardKernels.LOSS_FLOATS);
    session.own.crossEntropy(x, session.integers(new int[40]), losses);
    return session.read(losses, 40 * GpuForwardKernels.LOSS_FLOATS);
  }
}
