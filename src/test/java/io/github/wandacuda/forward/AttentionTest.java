package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Attention: the scalar code's bits on the CPU, and on GPUs where keys and values were kept; of
 * whole sequences GPUs are within 1e-5 of values of the order of 1.
 */
@EachBackend(variants = TestedBackend.OPENCL_TILES)
class AttentionTest extends OperationCases {
  private static final double GPU = 1e-5;

  AttentionTest(OpenedBackend backend) {
    super(backend);
  }

  /** What attention takes; a bias and sinks may be null. */
  private record Inputs(
      AttentionShape shape,
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      CpuTensor bias,
      CpuTensor sinks) {
    Inputs(AttentionShape shape, CpuTensor q, CpuTensor k, CpuTensor v, CpuTensor bias) {
      this(shape, q, k, v, bias, null);
    }

    /** With sinks of normal values. */
    Inputs sunk() {
      return new Inputs(shape, q, k, v, bias, new Samples(10).tensor(1, shape.heads()));
    }

    static Inputs random(AttentionShape shape, int sequences, float deviation, int spoiled) {
      Samples samples = new Samples(8);
      int tokens = sequences * shape.sequenceLength();
      int shared = shape.keyValueHeads() * shape.headSize();
      CpuTensor q = samples.tensor(tokens, shape.heads() * shape.headSize(), 0, deviation);
      CpuTensor k = samples.tensor(tokens, shared, 0, deviation);
      CpuTensor v = samples.tensor(tokens, shared);
      return new Inputs(
          shape,
          samples.spoil(q, spoiled),
          samples.spoil(k, spoiled),
          samples.spoil(v, spoiled),
          null);
    }

    static Inputs random(AttentionShape shape, int sequences) {
      return random(shape, sequences, 1, NEVER);
    }

    Inputs biased(CpuTensor keyBias) {
      return new Inputs(shape, q, k, v, keyBias, sinks);
    }

    /** The same keys and values, and of each sequence the last queries alone. */
    Inputs last(int queries) {
      int length = shape.sequenceLength();
      AttentionShape late =
          new AttentionShape(
              length,
              length - queries,
              shape.heads(),
              shape.keyValueHeads(),
              shape.headSize(),
              shape.scale(),
              shape.softcap(),
              shape.window());
      return new Inputs(late, lastRows(q, length, queries), k, v, bias, sinks);
    }

    /** With a bias of normal values. */
    Inputs biased() {
      return biased(new Samples(9).tensor(shape.heads(), shape.sequenceLength()));
    }

    CpuTensor attended(Operands operands, int offset) {
      Tensor out = operands.out(q.rows(), q.columns(), offset);
      operands
          .operations()
          .attention(
              new AttentionOperands<>(
                  operands.in(q, offset),
                  operands.in(k),
                  operands.in(v, offset),
                  shape,
                  bias == null ? null : operands.in(bias, offset),
                  sinks == null ? null : operands.in(sinks),
                  out));
      return operands.values(out);
    }
  }

  /** Returns the last rows of each sequence. */
  private static CpuTensor lastRows(CpuTensor x, int length, int count) {
    CpuTensor some = CpuTensor.zeros(x.rows() / length * count, x.columns());
    for (int row = 0; row < some.rows(); row++) {
      int from = x.at(row / count * length + length - count + row % count);
      System.arraycopy(x.data(), from, some.data(), some.at(row), x.columns());
    }
    return some;
  }

  private static AttentionShape shape(
      int length, int heads, int shared, int size, float cap, int window) {
    float scale = (float) (1 / Math.sqrt(size));
    return new AttentionShape(length, 0, heads, shared, size, scale, cap, window);
  }

  private void agree(Inputs inputs, int offset) {
    String what = inputs.shape().toString();
    if (which().isGpu() && inputs.shape().past() == 0) {
      close(what, (expected, largest) -> GPU, operands -> inputs.attended(operands, offset));
    } else {
      sameBits(what, operands -> inputs.attended(operands, offset));
    }
  }

  /** Checks which tokens get numbers and which get none. */
  private void finite(Inputs inputs, IntPredicate expected) {
    each(
        operands -> inputs.attended(operands, 0),
        out -> {
          for (int t = 0; t < out.rows(); t++) {
            for (int c = 0; c < out.columns(); c++) {
              assertThat(Double.isFinite(at(out, t, c)))
                  .as("token %d", t)
                  .isEqualTo(expected.test(t));
            }
          }
        });
  }

  private void followsItsFormula(Inputs inputs, double allowed) {
    AttentionShape shape = inputs.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    each(
        operands -> inputs.attended(operands, 0),
        out -> {
          for (int t = 0; t < out.rows(); t++) {
            for (int head = 0; head < shape.heads(); head++) {
              double[] weights = weights(inputs, t, head);
              for (int d = 0; d < size; d++) {
                double sum = 0;
                int column = head * shape.keyValueHeads() / shape.heads() * size + d;
                for (int j = 0; j < length; j++) {
                  sum += weights[j] * at(inputs.v(), t - t % length + j, column);
                }
                assertThat(at(out, t, head * size + d)).isCloseTo(sum, within(allowed));
              }
            }
          }
        });
  }

  private static double[] weights(Inputs inputs, int token, int head) {
    AttentionShape shape = inputs.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    int shared = head * shape.keyValueHeads() / shape.heads();
    double[] weights = new double[length];
    double sum = inputs.sinks() == null ? 0 : Math.exp(at(inputs.sinks(), 0, head));
    for (int j = 0; j <= token % length; j++) {
      double score = 0;
      for (int d = 0; d < size; d++) {
        score +=
            at(inputs.q(), token, head * size + d)
                * at(inputs.k(), token - token % length + j, shared * size + d);
      }
      score *= shape.scale();
      score = shape.softcap() == 0 ? score : shape.softcap() * Math.tanh(score / shape.softcap());
      score += inputs.bias() == null ? 0 : at(inputs.bias(), head, j);
      boolean seen = shape.window() == 0 || token % length - shape.window() < j;
      weights[j] = seen ? Math.exp(score) : 0;
      sum += weights[j];
    }
    for (int j = 0; j < length; j++) {
      weights[j] /= sum;
    }
    return weights;
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 1, 1", "2, 7, 2, 1, 3", "1, 40, 4, 2, 16", "2, 9, 3, 3, 300"})
  void attentionFollowsItsFormula(int sequences, int length, int heads, int shared, int size) {
    AttentionShape shape = new AttentionShape(length, 0, heads, shared, size, 0.3f, 0, 0);
    followsItsFormula(Inputs.random(shape, sequences), 2e-5);
  }

  /** Sizes are length, heads, key and value heads, features, softcap, window. */
  @ParameterizedTest
  @CsvSource({"7, 2, 1, 3, 0, 0", "40, 4, 2, 8, 0, 16", "300, 1, 1, 4, 2, 257", "9, 3, 3, 5, 1, 1"})
  void boundsWindowsAndBiasesFollowTheirFormula(
      int length, int heads, int shared, int size, float cap, int window) {
    AttentionShape shape = new AttentionShape(length, 0, heads, shared, size, 0.6f, cap, window);
    double allowed = 3e-6 + (which().isGpu() ? GPU : 0);
    followsItsFormula(Inputs.random(shape, 2).biased(), allowed);
    followsItsFormula(Inputs.random(shape, 2).sunk(), allowed);
  }

  /**
   * Where keys and values were kept, a query gets what it gets among all queries. Sizes are length,
   * queries, heads, key and value heads, features, softcap, window.
   */
  @ParameterizedTest
  @CsvSource({
    "70, 9, 2, 2, 20, 2, 0", "257, 1, 2, 1, 128, 0, 100", "2, 1, 1, 1, 1, 0, 0",
    "17, 1, 2, 1, 8, 0, 0", "33, 3, 4, 2, 16, 0, 0", "256, 1, 4, 1, 64, 0, 0",
    "300, 17, 3, 3, 7, 4, 33", "600, 2, 2, 1, 300, 0, 0", "600, 2, 2, 1, 72, 0, 257",
    "1030, 1, 2, 2, 16, 0, 0", "90, 2, 24, 12, 64, 0, 40"
  })
  @FirstCases(2)
  void lastQueriesGetWhatTheyGetAmongAll(
      int length, int queries, int heads, int shared, int size, float cap, int window) {
    AttentionShape shape = shape(length, heads, shared, size, cap, window);
    for (Inputs all :
        new Inputs[] {
          Inputs.random(shape, 2),
          Inputs.random(shape, 2).biased(),
          Inputs.random(shape, 2).sunk(),
          Inputs.random(shape, 1, 1, 40)
        }) {
      Inputs last = all.last(queries);
      agree(last, 0);
      agree(last, 1);
      if (which() == TestedBackend.SCALAR) {
        try (Operands whole = new Operands(scalar());
            Operands late = new Operands(scalar())) {
          assertThat(Samples.bits(last.attended(late, 0)))
              .isEqualTo(Samples.bits(lastRows(all.attended(whole, 0), length, queries)));
        }
      }
    }
  }

  @Test
  void attentionOfLargeScoresStaysFinite() {
    AttentionShape shape = new AttentionShape(2, 0, 1, 1, 1, 1f, 0, 0);
    CpuTensor q = Samples.of(2, 300f, 300f);
    CpuTensor k = Samples.of(2, 300f, 200f);
    Inputs inputs = new Inputs(shape, q, k, Samples.of(2, 5f, 7f), null);
    each(
        operands -> inputs.attended(operands, 0),
        out -> assertThat(out.data()).containsExactly(5f, 5f));
    agree(Inputs.random(new AttentionShape(200, 0, 2, 1, 32, 40f, 0, 0), 1), 0);
    Inputs large = Inputs.random(shape(130, 1, 1, 64, 0, 0), 1, 2, NEVER);
    for (int i = large.q().at(0); i < large.q().at(large.q().rows()); i++) {
      large.q().data()[i] *= 1000;
    }
    agree(large, 0);
  }

  /** Sizes are sequences, tokens, heads, key and value heads, features, floats before tensors. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1, 0",
    "2, 17, 4, 2, 8, 0",
    "2, 65, 2, 2, 64, 1",
    "1, 33, 2, 2, 192, 0",
    "1, 257, 1, 1, 5, 0",
    "3, 2, 1, 1, 3, 0",
    "1, 15, 2, 1, 5, 0",
    "2, 16, 2, 2, 16, 0",
    "1, 33, 3, 3, 7, 0",
    "1, 65, 2, 1, 300, 0",
    "1, 255, 1, 1, 3, 0",
    "1, 256, 1, 1, 4, 0",
    "1, 300, 2, 1, 6, 0",
    "3, 1, 2, 1, 24, 0",
    "2, 33, 4, 2, 24, 0",
    "1, 130, 3, 1, 7, 0",
    "1, 64, 1, 1, 80, 0",
    "1, 97, 2, 1, 96, 1",
    "1, 129, 1, 1, 128, 0",
    "2, 70, 1, 1, 130, 0",
    "1, 65, 2, 1, 256, 1",
    "1, 40, 1, 1, 300, 0",
    "1, 1, 1, 1, 8, 0",
    "2, 63, 4, 2, 24, 0",
    "1, 64, 2, 2, 64, 0",
    "3, 65, 6, 2, 80, 0",
    "2, 130, 2, 1, 128, 0",
    "1, 129, 2, 1, 256, 0",
    "1, 300, 1, 1, 1, 0",
    "2, 67, 4, 2, 300, 0",
    "1, 1000, 1, 1, 17, 0"
  })
  @FirstCases(5)
  void everySizeAgrees(int sequences, int length, int heads, int shared, int headSize, int offset) {
    agree(Inputs.random(shape(length, heads, shared, headSize, 0, 0), sequences, 2, NEVER), offset);
  }

  @Test
  void workLongEnoughForTheJitAgrees() {
    AttentionShape shape =
        which().isEmulated() ? shape(70, 1, 1, 8, 0, 0) : shape(600, 2, 1, 64, 0, 0);
    agree(Inputs.random(shape, which().isEmulated() ? 1 : 2), 0);
  }

  /** Sizes are length, heads, key and value heads, features, window. */
  @ParameterizedTest
  @CsvSource({
    "65, 2, 2, 16, 15",
    "130, 1, 1, 8, 64",
    "300, 1, 1, 4, 257",
    "70, 4, 2, 8, 1",
    "1, 1, 1, 1, 1",
    "40, 1, 1, 3, 1",
    "40, 2, 1, 5, 2",
    "65, 1, 1, 7, 16",
    "65, 1, 1, 7, 17",
    "130, 1, 1, 8, 63",
    "130, 1, 1, 8, 65",
    "130, 1, 1, 8, 129",
    "130, 1, 1, 8, 130",
    "130, 1, 1, 8, 1000",
    "300, 1, 1, 4, 255",
    "300, 1, 1, 4, 256",
    "600, 1, 1, 4, 20",
    "600, 1, 1, 4, 300",
    "1, 1, 1, 8, 1",
    "70, 2, 1, 40, 2",
    "200, 2, 2, 8, 31",
    "200, 2, 1, 8, 33",
    "300, 1, 1, 40, 48",
    "300, 1, 1, 8, 63",
    "300, 1, 1, 8, 65",
    "130, 2, 1, 40, 64",
    "130, 1, 1, 8, 2000000000",
    "1000, 1, 1, 8, 100"
  })
  @FirstCases(4)
  void windowsAgree(int length, int heads, int shared, int headSize, int window) {
    agree(Inputs.random(shape(length, heads, shared, headSize, 0, window), 2), 0);
  }

  /** Sizes are length, heads, key and value heads, features, window. */
  @ParameterizedTest
  @CsvSource({
    "33, 2, 1, 5, 0",
    "65, 4, 2, 8, 17",
    "1, 1, 1, 1, 0",
    "70, 3, 3, 8, 0",
    "300, 1, 1, 4, 0",
    "300, 2, 1, 4, 40",
    "63, 4, 2, 8, 0",
    "130, 4, 2, 8, 0",
    "130, 4, 2, 8, 33",
    "200, 4, 2, 8, 64"
  })
  @FirstCases(2)
  void boundsAndBiasesAgree(int length, int heads, int shared, int headSize, int window) {
    for (float cap : new float[] {0, 0.5f, 2.5f, 4, 50}) {
      Inputs inputs =
          Inputs.random(
              new AttentionShape(length, 0, heads, shared, headSize, 0.6f, cap, window), 2);
      agree(inputs.biased(), 0);
      if (cap > 0) {
        agree(inputs, 0);
      }
    }
  }

  /** Columns: length, heads, key and value heads, features, window, cap, slope, floats ahead. */
  @ParameterizedTest
  @CsvSource({
    "70, 4, 2, 20, 15, 0, 0, 1", "140, 2, 1, 80, 33, 4, -0.2, 0",
    "100, 2, 1, 144, 31, 30, 0, 0", "1, 1, 1, 16, 1, 2, 1, 0",
    "130, 3, 1, 24, 0, 1.5, 0, 0", "200, 2, 2, 64, 64, 0, 0.1, 0",
    "200, 1, 1, 16, 65, 50, 0, 1", "300, 1, 1, 40, 129, 0, 0, 0",
    "300, 1, 1, 40, 1000, 0, 0.01, 0", "190, 1, 1, 128, 63, 0, 0, 1",
    "200, 1, 1, 256, 32, 50, 0.3, 1", "70, 1, 1, 300, 3, 1, 1, 0"
  })
  @FirstCases(3)
  void allAtOnceAgree(
      int length, int heads, int shared, int size, int window, float cap, float slope, int at) {
    CpuTensor bias = CpuTensor.zeros(heads, length);
    for (int i = 0; i < bias.elements(); i++) {
      bias.data()[i] = slope * (i % length) * (1 + i / length);
    }
    Inputs inputs = Inputs.random(shape(length, heads, shared, size, cap, window), 2, 2, NEVER);
    agree(slope == 0 ? inputs : inputs.biased(bias), at);
  }

  /** GPUs sum in another order, so that they get other numbers out of unusual ones. */
  @Test
  void unusualNumbersAgree() {
    assumeFalse(which().isGpu(), "GPUs sum in another order");
    agree(Inputs.random(shape(40, 2, 1, 16, 0, 0), 2, 1, 300), 0);
    agree(Inputs.random(shape(270, 1, 1, 2, 0, 0), 1, 1, 200), 0);
    agree(Inputs.random(shape(40, 2, 1, 16, 3, 0), 2, 1, 300).biased(), 0);
    agree(Inputs.random(shape(40, 2, 1, 16, 3, 0), 2, 1, 300).sunk(), 0);
    agree(Inputs.random(shape(300, 2, 1, 16, 0, 70), 1).biased().sunk(), 0);
    agree(Inputs.random(shape(290, 1, 1, 2, 0, 30), 2, 1, 100), 0);
    agree(Inputs.random(shape(290, 1, 1, 2, 3, 270), 2, 1, 100).biased(), 0);
  }

  /**
   * Products that vanish leave -0, which +0 from a run that a query sees nothing of would turn into
   * +0: the windows of the first queries of a group begin in a run before that of the others.
   */
  @Test
  void windowsKeepTheSignsOfZeros() {
    assumeFalse(which().isGpu(), "GPUs sum in another order");
    CpuTensor q = CpuTensor.zeros(600, 1);
    CpuTensor k = CpuTensor.zeros(600, 1);
    CpuTensor v = CpuTensor.zeros(600, 1);
    for (int j = 0; j < 600; j++) {
      q.data()[j] = 1;
      k.data()[j] = j % 2 == 0 ? 0 : -3;
      v.data()[j] = j % 2 == 0 ? -0f : -Float.MIN_VALUE;
    }
    Inputs inputs = new Inputs(new AttentionShape(600, 0, 1, 1, 1, 1f, 0, 250), q, k, v, null);
    agree(inputs, 0);
    each(
        operands -> inputs.attended(operands, 0),
        out -> assertThat(Float.floatToRawIntBits(out.data()[510])).isEqualTo(1 << 31));
  }

  private static void spoil(Inputs inputs, int from, int to) {
    Arrays.fill(inputs.k().data(), inputs.k().at(from), inputs.k().at(to), Float.NaN);
    Arrays.fill(inputs.v().data(), inputs.v().at(from), inputs.v().at(to), Float.POSITIVE_INFINITY);
  }

  @Test
  void laterTokensDoNotReachEarlierOnes() {
    for (int broken = 1; broken < 40; broken += 6) {
      Inputs inputs = Inputs.random(new AttentionShape(40, 0, 1, 1, 4, 1f, 0, 0), 1);
      spoil(inputs, broken, 40);
      int from = broken;
      finite(inputs, token -> token < from);
      agree(inputs, 0);
    }
  }

  /** What is before them is the same whatever comes. */
  @ParameterizedTest
  @ValueSource(ints = {64, 256})
  void whatIsNotSeenCanBeNoNumber(int headSize) {
    Inputs inputs = Inputs.random(shape(100, 1, 1, headSize, 0, 0), 1);
    each(
        operands -> {
          CpuTensor sound = inputs.attended(operands, 0);
          Inputs spoiled = Inputs.random(inputs.shape(), 1);
          spoil(spoiled, 50, 100);
          CpuTensor found = spoiled.attended(operands, 0);
          assertThat(Samples.bits(found.rows(0, 50))).isEqualTo(Samples.bits(sound.rows(0, 50)));
          return found.rows(50, 50);
        },
        out -> IntStream.of(Samples.bits(out)).forEach(AttentionTest::assertNan));
  }

  private static void assertNan(int bits) {
    assertThat(Float.intBitsToFloat(bits)).isNaN();
  }

  /** Whether a tile of keys is partly hidden or wholly. */
  @ParameterizedTest
  @CsvSource({"64, 10", "64, 70", "128, 10", "256, 70"})
  void whatAWindowHidesCanBeNoNumber(int headSize, int window) {
    AttentionShape shape = shape(250, 1, 1, headSize, 0, window);
    int clear = 79 + window;
    each(
        operands -> {
          CpuTensor sound = Inputs.random(shape, 1).attended(operands, 0);
          Inputs spoiled = Inputs.random(shape, 1);
          spoil(spoiled, 0, 80);
          CpuTensor found = spoiled.attended(operands, 0);
          assertThat(Samples.bits(found.rows(clear, 250 - clear)))
              .isEqualTo(Samples.bits(sound.rows(clear, 250 - clear)));
          return found.rows(0, clear);
        },
        out -> IntStream.of(Samples.bits(out)).forEach(AttentionTest::assertNan));
  }

  /** A key that the window hides is left out, not multiplied by 0. */
  @ParameterizedTest
  @ValueSource(ints = {1, 20, 40, 70})
  void attentionSeesNothingBeforeItsWindow(int window) {
    AttentionShape shape = new AttentionShape(150, 0, 1, 1, 16, 0.25f, 0, window);
    Inputs inputs = Inputs.random(shape, 1).biased();
    Arrays.fill(inputs.k().data(), inputs.k().at(20), inputs.k().at(21), Float.NaN);
    Arrays.fill(inputs.v().data(), inputs.v().at(30), inputs.v().at(31), Float.POSITIVE_INFINITY);
    inputs.bias().data()[inputs.bias().at(0) + 40] = Float.NaN;
    finite(
        inputs,
        token -> IntStream.of(20, 30, 40).noneMatch(key -> key <= token && token < key + window));
  }

  @Test
  void attentionSeesNeitherLaterTokensNorOtherSequences() {
    Inputs inputs = Inputs.random(new AttentionShape(70, 0, 2, 2, 16, 0.25f, 0, 0), 2);
    for (int column = 0; column < 32; column++) {
      inputs.k().data()[inputs.k().at(40) + column] = Float.NaN;
      inputs.v().data()[inputs.v().at(68) + column] = Float.NEGATIVE_INFINITY;
      inputs.v().data()[inputs.v().at(139) + column] = Float.NaN;
    }
    finite(inputs, token -> token < 40 || token >= 70 && token < 139);
  }

  @Test
  void attentionPassesOverScoresOfMinusInfinity() {
    CpuTensor q = CpuTensor.zeros(130, 1);
    CpuTensor k = CpuTensor.zeros(130, 1);
    Arrays.fill(q.data(), 1f);
    Arrays.fill(k.data(), 0, 100, Float.NEGATIVE_INFINITY);
    AttentionShape shape = new AttentionShape(130, 0, 1, 1, 1, 1f, 0, 0);
    finite(new Inputs(shape, q, k, new Samples(8).tensor(130, 1), null), token -> token >= 100);
  }

  /** They weigh nothing, even where they are all that the first tiles have. */
  @ParameterizedTest
  @CsvSource({"64, 0", "64, 100", "256, 0"})
  void biasesCanBeMinusInfinity(int headSize, int window) {
    CpuTensor bias = CpuTensor.zeros(1, 150);
    Arrays.fill(bias.data(), 0, 70, Float.NEGATIVE_INFINITY);
    agree(Inputs.random(shape(150, 1, 1, headSize, 0, window), 1).biased(bias), 0);
  }

  @Test
  void aRunRepeatsToTheBit() {
    Inputs inputs = Inputs.random(new AttentionShape(100, 0, 4, 2, 64, 0.125f, 0, 0), 2);
    each(
        operands -> {
          CpuTensor first = inputs.attended(operands, 0);
          assertThat(Samples.bits(inputs.attended(operands, 0))).isEqualTo(Samples.bits(first));
          return first;
        },
        out -> assertThat(out.rows()).isEqualTo(200));
  }
}
