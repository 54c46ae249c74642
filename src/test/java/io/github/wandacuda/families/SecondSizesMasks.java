package io.github.wandacuda.families;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.families.SecondSizes.Second;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Second sizes on a backend, and the masks that it makes against those of the scalar code. None of
 * a calibrated run was measured to differ on any backend.
 */
abstract class SecondSizesMasks extends SecondSizesParity {
  SecondSizesMasks(Supplier<Backend> device, double differentBits) {
    super(device, differentBits);
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
    checks(second, directory).calibratedRunAgrees(differentBits);
  }
}
