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
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whether packed weights are kept so is chosen by their speed on the device that there is. */
class PackedSpeedTest {
  private static final long PAUSE = 3_000_000;

  @TempDir private Path directory;

  /** Whether a product pauses. */
  private interface Slow {
    /** Says so of a product with packed weights or others, by how many of the kind came before. */
    boolean is(boolean packed, int before);
  }

  /** Measures with operations that multiply packed weights or not, and pause at some. */
  private static Optional<PackedSpeed> measure(Path path, boolean sparse, Slow slow) {
    int[] calls = new int[2];
    try (Workers workers = new Workers(1);
        ModelDirectory model = ModelDirectory.open(path)) {
      Operations real = CpuOperations.checked(new ScalarForward(), workers);
      Set<Object> packed = Collections.newSetFromMap(new IdentityHashMap<>());
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
                        Object weight = method.invoke(real, arguments);
                        packed.add(weight);
                        return weight;
                      }
                      case "linear" -> {
                        boolean isPacked = packed.contains(arguments[1]);
                        if (slow.is(isPacked, calls[isPacked ? 1 : 0]++)) {
                          LockSupport.parkNanos(PAUSE);
                        }
                      }
                      default -> {}
                    }
                    return method.invoke(real, arguments);
                  });
      return PackedSpeed.measure(model, operations);
    }
  }

  private Path packed() {
    Path pruned = InProcess.pruned(TestData.TINY_LLAMA, directory.resolve("pruned"));
    return InProcess.packed(pruned, directory.resolve("packed"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theFasterIsFound(boolean slowPacked) {
    PackedSpeed speed =
        measure(packed(), true, (isPacked, before) -> isPacked == slowPacked).orElseThrow();
    assertThat(speed.isBetterUnpacked()).isEqualTo(slowPacked);
    assertThat(speed.packedTimesAsFast() < 1).isEqualTo(slowPacked);
    assertThat(slowPacked ? speed.packedSeconds() : speed.denseSeconds())
        .isGreaterThanOrEqualTo(PAUSE / 1e9);
  }

  /** Until then it may be the slower code of the faster weights that is timed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void codeIsCompiledFirst(boolean packedIsLast) {
    PackedSpeed speed =
        measure(packed(), true, (isPacked, before) -> isPacked != packedIsLast || before < 40)
            .orElseThrow();
    assertThat(speed.isBetterUnpacked()).isEqualTo(!packedIsLast);
  }

  @Test
  void whatIsNotPackedOrNotMultipliedSoIsNotMeasured() {
    assertThat(measure(TestData.TINY_LLAMA, true, (isPacked, before) -> true)).isEmpty();
    assertThat(measure(packed(), false, (isPacked, before) -> true)).isEmpty();
  }
}
