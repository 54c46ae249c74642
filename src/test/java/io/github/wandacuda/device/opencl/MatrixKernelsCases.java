package io.github.wandacuda.device.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.device.DeviceMatrix;
import io.github.wandacuda.device.opencl.driver.ForwardDevice;
import io.github.wandacuda.device.opencl.driver.KernelSources;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.reference.Samples;
import io.github.wandacuda.tensor.DType;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Linear layers and attention on the first OpenCL device, against the scalar kernels of the CPU.
 */
@Tag("gpu")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class MatrixKernelsCases {
  private ForwardDevice device;
  private OpenClForwardKernels kernels;
  private ForwardChecks checks;
  private Samples samples;

  abstract MatrixVariant variant(OpenClDevice device);

  @BeforeAll
  void open() {
    device = ForwardDevice.open(KernelSources.packed());
    kernels = new OpenClForwardKernels(device.queue(), variant(device.queue().device()));
    checks = new ForwardChecks(device, kernels);
    samples = checks.samples();
  }

  @AfterAll
  void close() {
    if (device != null) {
      checks.close();
      kernels.close();
      device.close();
    }
  }

  OpenClQueue queue() {
    return device.queue();
  }

  ForwardDevice device() {
    return device;
  }

  /** Sizes on both sides of the edges of tiles, panels, runs and blocks of tokens. */
  static Stream<Arguments> linearSizes() {
    int[][] sizes = {
      {1, 1, 1},
      {3, 5, 15},
      {4, 16, 16},
      {12, 32, 256},
      {13, 33, 257},
      {63, 65, 17},
      {64, 64, 255},
      {65, 63, 513},
      {129, 127, 300},
      {7, 4, 0},
      {600, 9, 31},
    };
    return Arrays.stream(sizes)
        .flatMap(s -> Arrays.stream(DType.values()).map(d -> Arguments.of(d, s[0], s[1], s[2])));
  }

  @ParameterizedTest
  @MethodSource("linearSizes")
  void linearIsTheCpusToTheBit(DType dtype, int tokens, int features, int columns) {
    checks.linear(dtype, tokens, features, columns);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 8",
    "2, 63, 4, 2, 24",
    "1, 64, 2, 2, 64",
    "3, 65, 6, 2, 80",
    "2, 130, 2, 1, 128",
    "1, 129, 2, 1, 256",
    "1, 300, 1, 1, 1",
    "2, 67, 4, 2, 300",
    "1, 1000, 1, 1, 17",
  })
  void attentionIsNearTheCpus(int sequences, int length, int heads, int shared, int size) {
    float scale = (float) (1 / Math.sqrt(size));
    checks.attention(sequences, new AttentionShape(length, heads, shared, size, scale, 0, 0));
  }

  /** Windows on both sides of the edges of tiles and panels, shorter and longer than sequences. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 8, 1",
    "2, 70, 4, 2, 8, 1",
    "2, 70, 2, 1, 40, 2",
    "1, 200, 2, 2, 8, 31",
    "1, 200, 2, 1, 8, 33",
    "1, 300, 1, 1, 40, 48",
    "1, 300, 1, 1, 8, 63",
    "1, 300, 1, 1, 8, 65",
    "2, 130, 2, 1, 40, 64",
    "1, 130, 1, 1, 8, 129",
    "1, 130, 1, 1, 8, 130",
    "1, 130, 1, 1, 8, 2000000000",
    "1, 1000, 1, 1, 8, 100"
  })
  void attentionThroughAWindowIsNearTheCpus(
      int sequences, int length, int heads, int shared, int size, int window) {
    float scale = (float) (1 / Math.sqrt(size));
    checks.attention(sequences, new AttentionShape(length, heads, shared, size, scale, 0, window));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "70, 0.5, 0", "130, 4, 33", "200, 50, 64"})
  void attentionOfBoundedScoresIsNearTheCpus(int length, float softcap, int window) {
    checks.attention(2, new AttentionShape(length, 4, 2, 8, 2f, softcap, window));
  }

  /** Biases among NaN, so that one that isn't a key's own spoils the result. */
  @ParameterizedTest
  @CsvSource({"1, 0, 0", "63, 0, 0", "130, 0, 0", "65, 3, 17", "200, 3, 64"})
  void attentionOfBiasedKeysIsNearTheCpus(int length, float softcap, int window) {
    AttentionShape shape = new AttentionShape(length, 4, 2, 8, 0.2f, softcap, window);
    checks.attention(2, shape, samples.tensor(4, length));
  }

  /** A key that the window hides is left out, not multiplied by 0. */
  @ParameterizedTest
  @ValueSource(ints = {1, 20, 40, 70})
  void attentionSeesNothingBeforeItsWindow(int window) {
    AttentionShape shape = new AttentionShape(150, 1, 1, 16, 0.25f, 0, window);
    CpuTensor q = samples.tensor(150, 16);
    CpuTensor k = samples.tensor(150, 16);
    CpuTensor v = samples.tensor(150, 16);
    CpuTensor bias = samples.tensor(1, 150);
    Arrays.fill(k.data(), k.at(20), k.at(21), Float.NaN);
    Arrays.fill(v.data(), v.at(30), v.at(31), Float.POSITIVE_INFINITY);
    bias.data()[bias.at(0) + 40] = Float.NaN;
    DeviceMatrix out = device.empty(150, 16, 16);
    kernels.attention(
        device.copy(q), device.copy(k), device.copy(v), shape, device.copy(bias), out);
    float[] found = device.floats(out);
    for (int i = 0; i < found.length; i++) {
      int token = i / 16;
      boolean spoiled =
          IntStream.of(20, 30, 40).anyMatch(key -> key <= token && token < key + window);
      assertThat(Float.isFinite(found[i])).as("token %d", token).isEqualTo(!spoiled);
    }
  }

  @Test
  void attentionOfLargeScoresStaysFinite() {
    AttentionShape shape = new AttentionShape(200, 2, 1, 32, 40f, 0, 0);
    checks.attention(1, shape);
  }

  @Test
  void attentionSeesNeitherLaterTokensNorOtherSequences() {
    AttentionShape shape = new AttentionShape(70, 2, 2, 16, 0.25f, 0, 0);
    CpuTensor q = samples.tensor(140, 32);
    CpuTensor k = samples.tensor(140, 32);
    CpuTensor v = samples.tensor(140, 32);
    for (int column = 0; column < 32; column++) {
      k.data()[k.at(40) + column] = Float.NaN;
      v.data()[v.at(68) + column] = Float.NEGATIVE_INFINITY;
      v.data()[v.at(139) + column] = Float.NaN;
    }
    DeviceMatrix out = device.empty(140, 32, 32);
    kernels.attention(device.copy(q), device.copy(k), device.copy(v), shape, null, out);
    float[] found = device.floats(out);
    for (int i = 0; i < found.length; i++) {
      int token = i / 32;
      assertThat(Float.isFinite(found[i])).isEqualTo(token < 40 || token >= 70 && token < 139);
    }
  }

  @Test
  void attentionPassesOverScoresOfMinusInfinity() {
    AttentionShape shape = new AttentionShape(130, 1, 1, 1, 1f, 0, 0);
    CpuTensor q = CpuTensor.zeros(130, 1);
    CpuTensor k = CpuTensor.zeros(130, 1);
    Arrays.fill(q.data(), 1f);
    Arrays.fill(k.data(), 1, 100, Float.NEGATIVE_INFINITY);
    k.data()[0] = Float.NEGATIVE_INFINITY;
    CpuTensor v = samples.tensor(130, 1);
    DeviceMatrix out = device.empty(130, 1, 1);
    kernels.attention(device.copy(q), device.copy(k), device.copy(v), shape, null, out);
    float[] found = device.floats(out);
    for (int i = 0; i < found.length; i++) {
      assertThat(Float.isFinite(found[i])).isEqualTo(i >= 100);
    }
  }

  @Test
  void aRunRepeatsToTheBit() {
    CpuTensor q = samples.tensor(200, 256);
    CpuTensor k = samples.tensor(200, 128);
    AttentionShape shape = new AttentionShape(100, 4, 2, 64, 0.125f, 0, 0);
    DeviceMatrix first = device.empty(200, 256, 256);
    DeviceMatrix second = device.empty(200, 256, 256);
    for (DeviceMatrix out : new DeviceMatrix[] {first, second}) {
      kernels.attention(device.copy(q), device.copy(k), device.copy(k), shape, null, out);
    }
    assertThat(device.floats(first)).isEqualTo(device.floats(second));
  }
}
