package io.github.wandacuda.families;

import io.github.wandacuda.families.SecondSizes.Second;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Second sizes on a backend, and the masks that it makes against those of the scalar code. */
abstract class SecondSizesMasks extends SecondSizesParity {

  /**
   * Returns the share of a calibrated run's mask bits that may differ: sums in another order leave
   * a score at a row's cut on its other side. None was measured on any backend.
   */
  double differentBits() {
    return 0;
  }

  @ParameterizedTest
  @MethodSource("models")
  void masksFromStatisticsAreTheScalarCodes(Second second, @TempDir Path directory)
      throws IOException {
    checks(second, directory).masksFromStatisticsAreExact();
  }

  @ParameterizedTest
  @MethodSource("models")
  void calibratedRunsAgreeWithTheScalarCode(Second second, @TempDir Path directory)
      throws IOException {
    checks(second, directory).calibratedRunAgrees(differentBits());
  }
}
