package io.github.wandacuda.job.estimate;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@link SourceReadsTest} where weights go to a device. */
@Tag("gpu")
@Tag("pretend")
class SourceReadsOnDeviceTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  private static final Calibration SAMPLES = Pruning.samples(Collections.nCopies(9, new int[64]));

  @TempDir Path directory;
  @AutoClose private final PretendCuda driver = PretendCuda.start();
  private Path model;

  @BeforeEach
  void start() throws IOException {
    model = new GeneratedLlama(3, 64, 96, 256).write(directory.resolve("model"));
  }

  private void check(Backend backend, Method method, Calibration calibration) {
    try (backend) {
      SourceReadsTest.check(backend, model, method, HALF, ModuleChoice.DEFAULT, calibration, true);
    }
  }

  /** By tiles a mask comes back, by which the host zeroes what it reads once more. */
  @ParameterizedTest
  @EnumSource(names = {"WANDA", "RIA", "SPARSEGPT"})
  @FirstCases(1)
  void whatIsSentAheadIsReadAgain(Method method) {
    check(Backends.open("cuda", 0, 2).backend(), method, SAMPLES);
  }

  @Test
  @Thorough
  void withoutSamplesItIsRead() {
    check(Backends.open("cuda", 0, 2).backend(), Method.MAGNITUDE, new Calibration.None());
  }

  @ParameterizedTest
  @EnumSource(names = {"WANDA", "RIA"})
  @Thorough
  void eachDeviceReadsTheBlocks(Method method) {
    driver.devices(2);
    check(Backends.openAll("cuda", 2, Precision.DEFAULT).backend(), method, SAMPLES);
  }
}
