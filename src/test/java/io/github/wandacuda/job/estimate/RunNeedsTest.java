package io.github.wandacuda.job.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whose memory hidden states are counted as: the device's as far as it has room. */
@Tag("gpu")
@Tag("pretend")
class RunNeedsTest {
  private static final int HIDDEN = 64;
  private static final int LENGTH = 512;
  private static final List<int[]> SAMPLES = Collections.nCopies(64, new int[LENGTH]);
  private static final long ROW = HIDDEN * Float.BYTES;
  private static final long STATES = 64L * LENGTH * ROW;

  @TempDir Path directory;
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  @BeforeEach
  void start() throws IOException {
    new GeneratedLlama(2, HIDDEN, 96, 256).write(directory.resolve("model"));
  }

  private RunNeeds needs(String backend) {
    PruneRequest request =
        Pruning.request(
            directory.resolve("out"),
            Method.WANDA,
            Pruning.HALF,
            Pruning.samples(SAMPLES),
            false,
            false);
    try (ModelDirectory model = ModelDirectory.open(directory.resolve("model"));
        Backend opened = Backends.open(backend, 0, 2).backend()) {
      return PruneJob.toOutput(model, request).needs(opened);
    }
  }

  @Test
  void aProcessorHasAllOfThem() {
    RunNeeds needs = needs("cpu");
    assertThat(needs.stateBytes()).isEqualTo(STATES);
    assertThat(needs.hostStateBytes()).isEqualTo(STATES);
    assertThat(needs.memoryBytes()).isGreaterThan(STATES);
    assertThat(needs.savingBytes()).isZero();
  }

  @Test
  void aDeviceWithRoomLeavesNoneToTheHostUntilTheyAreSaved() {
    RunNeeds needs = needs("cuda");
    assertThat(needs.stateBytes()).isEqualTo(STATES);
    assertThat(needs.hostStateBytes()).isZero();
    assertThat(needs.savingBytes()).isEqualTo(STATES);
  }

  /** They may take half of the memory beside its context; the others are pinned. */
  @Test
  void aDeviceWithRoomForSomeLeavesTheOthersToTheHost() {
    long memory = needs("cuda").memoryBytes();
    driver.memory(STATES);
    RunNeeds needs = needs("cuda");
    long left = STATES - (STATES - STATES / 256) / 2;
    assertThat(needs.hostStateBytes()).isEqualTo(left);
    assertThat(needs.memoryBytes()).isEqualTo(memory + left);
    assertThat(needs.savingBytes()).isEqualTo(STATES);
  }
}
