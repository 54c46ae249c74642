package io.github.wandacuda.device.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.device.DeviceMatrix;
import io.github.wandacuda.device.opencl.driver.ForwardDevice;
import io.github.wandacuda.device.opencl.driver.KernelSources;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.reference.Samples;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The forward kernels on the first OpenCL device, against the scalar kernels of the CPU. */
@Tag("gpu")
class OpenClForwardKernelsTest {
  private static ForwardDevice device;
  private static OpenClForwardKernels kernels;
  private static ForwardChecks checks;
  private static Samples samples;

  @BeforeAll
  static void open() {
    device = ForwardDevice.open(KernelSources.packed());
    kernels = new OpenClForwardKernels(device.queue());
    checks = new ForwardChecks(device, kernels);
    samples = checks.samples();
  }

  @AfterAll
  static void close() {
    if (device != null) {
      checks.close();
      device.queue().finish();
      kernels.close();
      device.close();
      OpenClDevice closed = device.device();
      assertThat(closed.memory().freeBytes()).isEqualTo(closed.facts().globalBytes());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "16, 255, 3", "17, 256, 9", "5, 4099, 40"})
  void embedWidensExactly(int tokens, int columns, int vocabulary) {
    int[] ids =
        IntStream.range(0, tokens).map(t -> (vocabulary - 1) * (t + 1) % vocabulary).toArray();
    for (DType dtype : DType.values()) {
      checks.embed(samples.weight(dtype, vocabulary, columns, Samples.Layout.ROWS), ids);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void embedWidensEveryBitPattern(DType dtype) {
    short[] all = new short[1 << 16];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    MemorySegment data =
        Arena.ofAuto().allocate(2L * all.length).copyFrom(MemorySegment.ofArray(all));
    checks.embed(WeightMatrix.of(data, dtype, 256, 256), IntStream.range(0, 256).toArray());
  }

  /** 2^16 is what some devices allow. */
  @Test
  void tokensMayBeMoreThanDimensionsHaveGroups() {
    int[] ids = IntStream.range(0, 70_000).map(t -> t % 5).toArray();
    checks.embed(samples.weight(DType.F32, 5, 2, Samples.Layout.ROWS), ids);
    checks.rotate(70, 1000, 1, 2, 1);
    checks.gatherColumns(samples.tensor(70_000, 3), 1, 2, 0, 1);
    checks.gatherRows(samples.tensor(5, 2), ids);
    checks.addRows(samples.tensor(70_000, 2), IntStream.range(0, 70_000).toArray());
    checks.columnSquares(samples.tensor(256 * 33_000, 1));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "16, 16", "17, 31", "33, 4097"})
  void rmsNormIsTheCpusToTheBit(int rows, int columns) {
    checks.rmsNorm(samples.tensor(rows, columns));
    checks.rmsNorm(samples.spoil(samples.tensor(rows, columns), 20));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "16, 16", "17, 31", "33, 4097"})
  void layerNormIsTheCpusToTheBit(int rows, int columns) {
    checks.layerNorm(samples.tensor(rows, columns));
    checks.layerNorm(samples.spoil(samples.tensor(rows, columns), 20));
  }

  @Test
  void layerNormOfALargeMeanIsTheCpusToTheBit() {
    CpuTensor x = samples.tensor(20, 300);
    for (int i = 0; i < x.elements(); i++) {
      x.data()[x.at(0) + i] += 1e4f;
    }
    checks.layerNorm(x);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 2, 1",
    "2, 3, 5, 6, 3",
    "3, 17, 4, 128, 64",
    "1, 5, 3, 80, 40",
    "2, 2, 1, 514, 257"
  })
  void rotateIsTheCpusToTheBit(int sequences, int positions, int heads, int headSize, int pairs) {
    checks.rotate(sequences, positions, heads, headSize, pairs);
  }

  @ParameterizedTest
  @CsvSource({"2, 3, 5, 6, 1", "3, 17, 4, 80, 10", "1, 5, 3, 7, 3", "2, 2, 1, 600, 16"})
  void rotateOfAPartIsTheCpusToTheBit(
      int sequences, int positions, int heads, int headSize, int pairs) {
    checks.rotate(sequences, positions, heads, headSize, pairs);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 85", "1, 256", "257, 1", "31, 1031"})
  void elementwiseIsTheCpusToTheBit(int rows, int columns) {
    CpuTensor x = samples.spoil(samples.tensor(rows, columns), 8);
    CpuTensor y = samples.spoil(samples.tensor(rows, columns), 8);
    checks.add(x, y);
    checks.scale(x, -1.7f);
    checks.softcap(x, 0.8f);
    for (Activation activation : Activation.values()) {
      checks.activate(activation, x);
      checks.gate(activation, x, y);
    }
  }

  /** Returns floats of every sign, exponent and 7 upper bits of a fraction. */
  private static CpuTensor wholeRange() {
    CpuTensor all = CpuTensor.zeros(1, 1 << 16);
    for (int i = 0; i < all.elements(); i++) {
      all.data()[i] = Float.intBitsToFloat(i << 16 | i * 31 & 0xffff);
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource
  void activationsAreTheCpusOverTheWholeRange(Activation activation) {
    checks.activate(activation, wholeRange());
    checks.gate(activation, wholeRange(), samples.tensor(1, 1 << 16));
  }

  @ParameterizedTest
  @ValueSource(floats = {1f, 30f, 1e-38f, 3e38f})
  void softcapIsTheCpusOverTheWholeRange(float cap) {
    checks.softcap(wholeRange(), cap);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0, 1, 1, 1",
    "9, 48, 24, 12, 0, 1",
    "9, 48, 8, 4, 12, 4",
    "3, 900, 1, 257, 300, 3",
    "17, 41, 5, 1, 7, 6",
    "5, 10, 0, 5, 3, 2"
  })
  void columnsAreGathered(int rows, int columns, int offset, int width, int stride, int groups) {
    checks.gatherColumns(
        samples.spoil(samples.tensor(rows, columns), 8), offset, width, stride, groups);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "5, 9, 7", "40, 81, 1030", "300, 300, 3"})
  void rowsAreGatheredAndAdded(int count, int tokens, int columns) {
    CpuTensor x = samples.spoil(samples.tensor(tokens, columns), 50);
    int[] rows = IntStream.range(0, count).map(i -> (tokens - 1) / count * i).toArray();
    int[] distinct = IntStream.range(0, count).map(i -> tokens - 1 - i).toArray();
    checks.gatherRows(x, rows);
    checks.addRows(x, distinct);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "5, 4, 2",
    "16, 16, 16",
    "17, 60, 4",
    "3, 128, 8",
    "40, 17, 17",
    "2, 999, 3"
  })
  void expertsAndWeightsAreTheCpusToTheBit(int tokens, int experts, int k) {
    checks.route(samples.tensor(tokens, experts), k);
    checks.route(samples.spoil(samples.tensor(tokens, experts), 40), k);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 20, 50})
  void equalExpertsComeFromTheLowestOn(int k) {
    CpuTensor logits = samples.tensor(33, 50);
    for (int i = 0; i < logits.elements(); i++) {
      logits.data()[logits.at(0) + i] = Math.round(logits.data()[logits.at(0) + i]);
    }
    checks.route(logits, k);
  }

  /**
   * Some logits differ by so much that probabilities are 0, others so little that they are equal.
   */
  @Test
  void logitsMayBeFarApartOrNearEachOther() {
    CpuTensor logits = samples.tensor(20, 40);
    for (int i = 0; i < logits.elements(); i++) {
      logits.data()[logits.at(0) + i] *= i / 40 < 10 ? 1e30f : 1e-8f;
    }
    checks.route(logits, 40);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "31, 3", "32, 255", "33, 257", "255, 2", "256, 16", "257, 5", "3000, 7"})
  void columnSquaresAreTheCpusRounded(int tokens, int columns) {
    checks.columnSquares(samples.tensor(tokens, columns), samples.tensor(40, columns));
  }

  @Test
  void columnSquaresOfManyPartsLoseNoDigits() {
    CpuTensor[] parts = new CpuTensor[300];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = samples.tensor(i == 0 ? 2000 : 1, 3);
      float scale = i == 0 ? 1000f : 0.01f;
      for (int at = 0; at < parts[i].elements(); at++) {
        parts[i].data()[parts[i].at(0) + at] *= scale;
      }
    }
    checks.columnSquares(parts);
  }

  @Test
  void columnSquaresKeepWhatIsNotFinite() {
    CpuTensor x = samples.tensor(600, 3);
    x.data()[x.at(300)] = Float.POSITIVE_INFINITY;
    x.data()[x.at(10) + 1] = Float.NaN;
    checks.columnSquares(x);
    checks.columnSquares(x, samples.tensor(300, 3));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "17, 1000", "33, 15"})
  void crossEntropyIsTheCpusToTheBit(int rows, int columns) {
    checks.crossEntropy(samples.tensor(rows, columns));
    checks.crossEntropy(samples.spoil(samples.tensor(rows, columns), 60));
  }

  @Test
  void nothingIsDoneForNoRows() {
    DeviceMatrix none = device.empty(0, 8, 8);
    DeviceMatrix one = device.empty(1, 8, 8);
    DeviceMatrix angles = device.empty(1, 2, 2);
    var at = one.data();
    kernels.embed(one, at, none);
    kernels.rmsNorm(none, at, 1e-5f, none);
    kernels.linear(none, one, null, device.empty(0, 1, 1));
    kernels.rotate(none, 4, angles, angles);
    kernels.attention(none, none, none, new AttentionShape(3, 2, 1, 4, 1f, 0, 0), null, none);
    kernels.layerNorm(none, at, null, 1e-5f, none);
    kernels.activate(Activation.GELU, none, none);
    kernels.gate(Activation.SILU, none, none, none);
    kernels.add(none, none);
    kernels.scale(none, 2f);
    kernels.softcap(none, 2f);
    kernels.gatherColumns(none, 0, 4, 4, none);
    kernels.gatherRows(one, at, none);
    kernels.addRows(none, at, at, one);
    kernels.route(none, 2, true, at, at);
    kernels.columnSquares(none, at);
    kernels.crossEntropy(none, at, at);
    kernels.columnSums(at, 0, at);
    assertThat(device.floats(one)).containsOnly(Float.NaN);
  }
}
