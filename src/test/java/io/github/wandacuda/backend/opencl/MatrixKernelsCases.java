package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.Samples;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Linear layers on the first OpenCL device into some columns of a wider matrix, whose others have
 * to stay, by weights with NaN between their rows.
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
}
