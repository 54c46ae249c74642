package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.cpu.CpuTensor;
import io.github.wandacuda.backend.cpu.Samples;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
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
      assertThat(device.device().memory().usedBytes()).isZero();
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

  @Test
  void embedAndRotateTakeMoreTokensThanDimensionsHaveGroups() {
    int[] ids = IntStream.range(0, 70_000).map(t -> t % 5).toArray();
    checks.embed(samples.weight(DType.F32, 5, 2, Samples.Layout.ROWS), ids);
    checks.rotate(70, 1000, 1, 2);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "15, 17", "16, 16", "17, 31", "33, 4097"})
  void rmsNormIsTheCpusToTheBit(int rows, int columns) {
    checks.rmsNorm(samples.tensor(rows, columns));
    checks.rmsNorm(samples.spoil(samples.tensor(rows, columns), 20));
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 2", "2, 3, 5, 6", "3, 17, 4, 128", "1, 5, 3, 80", "2, 2, 1, 514"})
  void rotateIsTheCpusToTheBit(int sequences, int positions, int heads, int headSize) {
    checks.rotate(sequences, positions, heads, headSize);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 85", "1, 256", "257, 1", "31, 1031"})
  void elementwiseIsTheCpusToTheBit(int rows, int columns) {
    CpuTensor x = samples.spoil(samples.tensor(rows, columns), 8);
    CpuTensor y = samples.spoil(samples.tensor(rows, columns), 8);
    checks.add(x, y);
    checks.siluMultiply(x, y);
  }

  @Test
  void siluIsTheCpusOverTheWholeRange() {
    CpuTensor gate = CpuTensor.zeros(1, 1 << 16);
    for (int i = 0; i < gate.elements(); i++) {
      gate.data()[i] = Float.intBitsToFloat(i << 16 | i * 31);
    }
    CpuTensor up = samples.tensor(1, gate.elements());
    checks.siluMultiply(gate, up);
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
    kernels.attention(none, none, none, new AttentionShape(3, 2, 1, 4, 1f), null, none);
    kernels.gate(Activation.SILU, none, none, none);
    kernels.add(none, none);
    kernels.columnSquares(none, at);
    kernels.crossEntropy(none, at, at);
    kernels.columnSums(at, 0, at);
    assertThat(device.floats(one)).containsOnly(Float.NaN);
  }
}
