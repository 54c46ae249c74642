package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** However a run ends, it gives back all that it took from the driver: counted by the driver. */
@Tag("gpu")
@Tag("pretend")
@Thorough
class PretendReleaseTest {
  private static final Path MODEL = TestData.fixture("llama-gqa").resolve("model");
  private static final int OUT_OF_MEMORY = 2;
  private static final int LAUNCH_FAILED = 719;

  @TempDir Path directory;
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  private static Calibration samples() {
    return Pruning.samples(TestData.tokens(TestData.fixture("llama-gqa").resolve("tokens.json")));
  }

  private RunResult prune(Path model, Calibration calibration, String output) {
    PruneRequest request =
        Pruning.request(
            directory.resolve(output),
            calibration instanceof Calibration.None ? Method.MAGNITUDE : Method.WANDA,
            Pruning.HALF,
            calibration);
    try (Backend backend = Backends.openAll("cuda", 4, Precision.DEFAULT).backend()) {
      return Pruning.prune(model, request, backend);
    }
  }

  private void assertNothingIsLeft(String output) {
    assertThat(directory.resolve(output)).doesNotExist();
    assertThat(driver.outstanding()).isEmpty();
  }

  /** What is left of the output can be gone on with. */
  private void assertUnfinished(String output) {
    assertThat(directory.resolve(output).resolve(".wanda-cuda.journal")).exists();
    assertThat(directory.resolve(output).resolve("config.json")).doesNotExist();
    assertThat(driver.outstanding()).isEmpty();
  }

  @Test
  void aRunThatEndsWell() {
    prune(MODEL, samples(), "out");
    assertThat(driver.launches()).isPositive();
    assertThat(driver.outstanding()).isEmpty();
  }

  @Test
  void severalDevicesGiveTheSameMask() {
    String alone = prune(MODEL, new Calibration.None(), "alone").provenance().maskSha256();
    driver.devices(3);
    assertThat(prune(MODEL, new Calibration.None(), "together").provenance().maskSha256())
        .isEqualTo(alone);
    assertThat(driver.outstanding()).isEmpty();
  }

  @Test
  void aWeightThatIsNotANumber() throws IOException {
    Path model = TestData.copy(MODEL, directory.resolve("model"));
    Path shard = model.resolve("model-00002-of-00003.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
      file.seek(file.length() - 20_000);
      for (int i = 0; i < 5000; i++) {
        file.writeInt(0xffffffff);
      }
    }
    assertThat(catchThrowable(() -> prune(model, new Calibration.None(), "out")))
        .isInstanceOf(InputException.class);
    assertNothingIsLeft("out");
  }

  /** The first ones cost the run its rooms, the later ones only make it take smaller ones. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
  void memoryThatIsRefused(int allocation) {
    driver.fail("cuMemAlloc", allocation, OUT_OF_MEMORY);
    assertEndsWellOrClearly("out" + allocation);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void pinnedMemoryThatIsRefused(int allocation) {
    driver.fail("cuMemHostAlloc", allocation, OUT_OF_MEMORY);
    assertEndsWellOrClearly("out" + allocation);
  }

  private void assertEndsWellOrClearly(String output) {
    Throwable thrown = catchThrowable(() -> prune(MODEL, samples(), output));
    assertThat(driver.outstanding()).isEmpty();
    if (thrown != null) {
      assertThat(thrown)
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageContaining("memory");
      assertUnfinished(output);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 10, 50, 100})
  void aDeviceThatIsLost(int launch) {
    driver.fail("cuLaunchKernel", launch, LAUNCH_FAILED);
    assertThat(catchThrowable(() -> prune(MODEL, samples(), "out" + launch)))
        .isInstanceOf(BackendUnavailableException.class)
        .message()
        .hasLineCount(1)
        .contains("CUDA_ERROR_LAUNCH_FAILED");
    assertUnfinished("out" + launch);
  }

  @Test
  void aRunThatIsCancelled() throws InterruptedException {
    List<Throwable> thrown = new CopyOnWriteArrayList<>();
    Thread run =
        Thread.ofPlatform()
            .start(() -> thrown.add(catchThrowable(() -> prune(MODEL, samples(), "out"))));
    while (driver.launches() < 20 && run.isAlive()) {
      Thread.onSpinWait();
    }
    run.interrupt();
    Within.end(run);
    assertThat(thrown.get(0)).isInstanceOf(CancelledException.class);
    assertUnfinished("out");
  }
}
