package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A statistics file with second moments holds what the run gave. */
class MomentsCalibrationTest {
  @TempDir Path directory;

  private interface Work {
    void on(Decoder decoder, Backend backend, List<int[]> samples, Map<String, Integer> features);
  }

  private static void with(String fixture, int threads, Work work) {
    Path data = TestData.fixture(fixture);
    try (ModelDirectory model = ModelDirectory.open(data.resolve("model"));
        Backend backend = Pruning.cpu(threads);
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      Map<String, Integer> features =
          model.modules().stream()
              .collect(Collectors.toMap(LinearModule::name, LinearModule::columns));
      work.on(decoder, backend, TestData.tokens(data.resolve("tokens.json")), features);
    }
  }

  private Statistics write(String fixture, int threads, Path file) {
    Statistics[] statistics = new Statistics[1];
    with(
        fixture,
        threads,
        (decoder, backend, samples, features) -> {
          MomentsCalibration calibration =
              new MomentsCalibration(
                  decoder, backend.operations(), samples, false, features::get, Progress.NONE);
          AtomicWrite.write(file, calibration);
          statistics[0] = calibration.statistics();
        });
    return statistics[0];
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
    with(
        fixture,
        1,
        (decoder, backend, samples, features) -> {
          Statistics dense =
              DenseCalibration.run(decoder, backend.operations(), samples, Progress.NONE);
          assertThat(read.norms().keySet()).isEqualTo(dense.norms().keySet());
          dense
              .norms()
              .forEach((name, norms) -> assertThat(read.norms()).containsEntry(name, norms));
          try (BlockwiseRun run = new BlockwiseRun(decoder, backend.operations(), samples);
              GramFile file = GramFile.open(path)) {
            for (int index = 0; index < decoder.blocks(); index++) {
              try (Block block = decoder.block(index);
                  Arena memory = Arena.ofShared()) {
                Map<String, Gram> grams = run.observeAndAdvance(block, memory).grams();
                grams.forEach((module, gram) -> same(file, module, read, gram, memory));
              }
            }
          }
        });
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
