package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All devices of a machine share a run's samples, and its bytes are those of one. */
@Tag("gpu")
@Tag("pretend")
class AllDevicesTest {
  private static final Path MODEL = TestData.fixture("llama-gqa").resolve("model");
  private static final int LENGTH = 32;

  /** Two batches, the last one of a single sample. */
  private static final List<int[]> SAMPLES =
      Stream.generate(new Random(1)::nextLong)
          .limit(65)
          .map(seed -> new Random(seed).ints(LENGTH, 0, 100).toArray())
          .toList();

  @TempDir Path directory;
  private PretendCuda driver;

  @BeforeEach
  void start() {
    driver = PretendCuda.start();
    driver.devices(2);
    driver.deferred(true);
  }

  private static Map<String, float[]> calibrate(Backend backend) {
    try (backend;
        ModelDirectory model = ModelDirectory.open(MODEL);
        Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      Statistics statistics = DenseCalibration.run(decoder, SAMPLES, List.of(), Progress.NONE);
      return statistics.norms();
    }
  }

  @Test
  void samplesRunOnBothAndGiveTheSameNorms() {
    Map<String, float[]> one = calibrate(Backends.open("cuda", 0, 2).backend());
    long alone = driver.launchesOn(0);
    assertThat(alone).isPositive();
    assertThat(driver.launchesOn(1)).isZero();
    Map<String, float[]> both = calibrate(Backends.openAll("cuda", 2, Precision.DEFAULT).backend());
    assertThat(both).containsOnlyKeys(one.keySet());
    both.forEach((module, norms) -> assertThat(norms).as(module).isEqualTo(one.get(module)));
    long first = driver.launchesOn(0) - alone;
    long second = driver.launchesOn(1);
    assertThat(first).as("one batch of two").isBetween(alone / 4, alone * 3 / 4);
    assertThat(second).as("the other batch").isBetween(alone / 4, alone * 3 / 4);
    assertThat(driver.outstanding()).isEmpty();
  }

  private Path prune(String name, Backend backend) {
    Path output = directory.resolve(name);
    PruneRequest request =
        Pruning.request(output, Method.WANDA, Pruning.HALF, Pruning.samples(SAMPLES));
    try (backend;
        ModelDirectory model = ModelDirectory.open(MODEL)) {
      PruneJob.toOutput(model, request).run(backend, Progress.NONE, MaskSink.NONE, result -> {});
    }
    return output;
  }

  @Test
  void aModelIsPrunedToTheSameBytes() throws IOException {
    Path one = prune("one", Backends.open("cuda", 0, 2).backend());
    assertThat(driver.launchesOn(1)).isZero();
    Path both = prune("both", Backends.openAll("cuda", 2, Precision.DEFAULT).backend());
    assertThat(driver.launchesOn(1)).isPositive();
    Directories.assertSame(one, both);
    assertThat(driver.outstanding()).isEmpty();
  }
}
