package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.job.PackingJob;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateNeedsTest {
  @TempDir Path directory;
  private Path pruned;
  private Path packed;

  @BeforeEach
  void packAPrunedModel() {
    pruned = directory.resolve("pruned");
    packed = directory.resolve("packed");
    InProcess.line(
            "prune --method magnitude --backend cpu --quiet --model %s --output %s",
            TestData.TINY_LLAMA, pruned)
        .succeeds();
    try (ModelDirectory model = ModelDirectory.open(pruned)) {
      PackingJob.pack(model, packed, false, false).run(1, Progress.NONE);
    }
  }

  private static long bytes(Path path, boolean stayPacked, long tokens) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      return GenerateNeeds.bytes(model, dtype -> stayPacked, tokens);
    }
  }

  /** What packing saves in the modules of a packed model. */
  private long saved() {
    try (ModelDirectory model = ModelDirectory.open(packed)) {
      return model.checkpoint().tensors().stream()
          .flatMap(entry -> PackedModule.of(entry).stream())
          .mapToLong(module -> module.weight().bytes() - module.bytes())
          .sum();
    }
  }

  @Test
  void packedWeightsTakeTheirPackedBytesWhereTheyStayPacked() {
    assertThat(saved()).isPositive();
    assertThat(bytes(packed, true, 10)).isEqualTo(bytes(pruned, true, 10) - saved());
  }

  @Test
  void unpackedWeightsTakeTheBytesOfTheDenseModel() {
    assertThat(bytes(packed, false, 10)).isEqualTo(bytes(pruned, false, 10));
  }

  @Test
  void theCacheGrowsWithTheTokens() {
    long ten = bytes(packed, true, 10) - bytes(packed, true, 0);
    assertThat(ten).isPositive();
    assertThat(bytes(packed, true, 20) - bytes(packed, true, 10)).isEqualTo(ten);
  }
}
