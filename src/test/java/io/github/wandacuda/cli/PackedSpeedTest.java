package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.evaluate.PackedSpeed;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.TestData;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whether packed weights are kept so is chosen by their speed on the device that there is. */
class PackedSpeedTest {
  private static final long PAUSE = 30_000_000;

  @TempDir private Path directory;

  /** Measures with operations that multiply packed weights or not, and pause at one kind. */
  private static Optional<PackedSpeed> measure(Path path, boolean sparse, boolean slowPacked) {
    try (Workers workers = new Workers(1);
        ModelDirectory model = ModelDirectory.open(path)) {
      Operations real = CpuOperations.checked(new ScalarForward(), workers, null);
      Object[] packed = new Object[1];
      Operations operations =
          (Operations)
              Proxy.newProxyInstance(
                  Operations.class.getClassLoader(),
                  new Class<?>[] {Operations.class},
                  (proxy, method, arguments) -> {
                    switch (method.getName()) {
                      case "multipliesSparse" -> {
                        assertThat(arguments[0]).isEqualTo(DType.BF16);
                        return sparse;
                      }
                      case "sparseWeight" -> {
                        packed[0] = method.invoke(real, arguments);
                        return packed[0];
                      }
                      case "linear" -> {
                        if ((arguments[1] == packed[0]) == slowPacked) {
                          LockSupport.parkNanos(PAUSE);
                        }
                      }
                      default -> {}
                    }
                    return method.invoke(real, arguments);
                  });
      return PackedSpeed.measure(model.checkpoint(), operations);
    }
  }

  private Path packed() {
    Path pruned = InProcess.pruned(TestData.TINY_LLAMA, directory.resolve("pruned"));
    return InProcess.packed(pruned, directory.resolve("packed"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theFasterIsFound(boolean slowPacked) {
    PackedSpeed speed = measure(packed(), true, slowPacked).orElseThrow();
    assertThat(speed.isBetterUnpacked()).isEqualTo(slowPacked);
    assertThat(speed.packedTimesAsFast() < 1).isEqualTo(slowPacked);
    assertThat(slowPacked ? speed.packedSeconds() : speed.denseSeconds())
        .isGreaterThanOrEqualTo(PAUSE / 1e9);
  }

  @Test
  void whatIsNotPackedOrNotMultipliedSoIsNotMeasured() {
    assertThat(measure(TestData.TINY_LLAMA, true, true)).isEmpty();
    assertThat(measure(packed(), false, true)).isEmpty();
  }
}
