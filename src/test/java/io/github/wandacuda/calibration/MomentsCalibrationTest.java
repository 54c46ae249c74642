package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A statistics file with second moments holds what the run gave. */
class MomentsCalibrationTest {
  @TempDir Path directory;

  private static List<int[]> samples(String fixture) {
    return TestData.tokens(TestData.fixture(fixture).resolve("tokens.json"));
  }

  private static Statistics write(String fixture, int threads, Path file) {
    try (CpuDecoder cpu = CpuDecoder.fixture(fixture, threads)) {
      MomentsCalibration calibration = cpu.moments(samples(fixture));
      AtomicWrite.replace(file, calibration);
      return calibration.statistics();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa", "gpt2", "gpt_neox", "falcon",
        "opt-350m", "phi3", "mixtral", "qwen2_moe"
      })
  void theFileHoldsWhatTheRunGave(String fixture) {
    Path path = directory.resolve("statistics");
    Statistics written = write(fixture, 2, path);
    Statistics read = Statistics.read(path);
    assertThat(read.samples()).isEqualTo(written.samples());
    try (CpuDecoder cpu = CpuDecoder.fixture(fixture, 1)) {
      Statistics dense = cpu.statistics(samples(fixture));
      assertThat(read.norms().keySet()).isEqualTo(dense.norms().keySet());
      dense.norms().forEach((name, norms) -> assertThat(read.norms()).containsEntry(name, norms));
      try (BlockwiseRun run = cpu.run(samples(fixture));
          GramFile file = GramFile.open(path)) {
        for (int index = 0; index < cpu.decoder().blocks(); index++) {
          try (Block block = cpu.decoder().block(index);
              Arena memory = Arena.ofShared()) {
            Map<String, Gram> grams =
                run.observeAndAdvance(block, memory, new ExpertSums(List.of())).grams();
            grams.forEach((module, gram) -> same(file, module, read, gram, memory));
          }
        }
      }
    }
  }

  private static void same(
      GramFile file, String module, Statistics statistics, Gram expected, Arena memory) {
    Gram found = file.read(module, statistics.norms().get(module), memory);
    assertThat(found.triangle().mismatch(expected.triangle())).as(module).isEqualTo(-1);
  }

  @Test
  void equalRunsWriteEqualBytes() throws IOException {
    write("llama-gqa", 1, directory.resolve("one"));
    write("llama-gqa", 3, directory.resolve("three"));
    assertThat(Files.mismatch(directory.resolve("one"), directory.resolve("three"))).isEqualTo(-1);
  }
}
