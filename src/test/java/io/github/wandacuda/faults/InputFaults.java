package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A shard of the source becomes shorter while it is read. */
class InputFaults {
  @TempDir Path directory;

  private Case run;

  @BeforeEach
  void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(6, 384, 1024, 2000), 12, 128);
  }

  static List<Arguments> cuts() {
    return Tier.picked(
        2,
        List.of(
            Arguments.of("statistics", 1, 0),
            Arguments.of("statistics", 3, 0.99),
            Arguments.of("samples", 2, 0.1),
            Arguments.of("samples", 3, 0.99)));
  }

  @ParameterizedTest
  @MethodSource("cuts")
  void aShardThatIsCutShortEndsTheRunInOneLine(String kind, int number, double left)
      throws Exception {
    Path shard = run.model().resolve("model-0000%d-of-00003.safetensors".formatted(number));
    Path whole = directory.resolve("untouched").resolve(shard.getFileName());
    String begun = kind.equals("samples") ? ".wanda-cuda.states-1" : ".wanda-cuda.journal";
    try (Started program = Command.jar(run.run(kind, run.output())).start()) {
      program.awaitFile(run.output().resolve(begun));
      try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
        file.setLength((long) (file.length() * left));
      }
      int exitCode = program.exitCode();
      assertThat(program.said()).doesNotContain("SIGBUS", "hs_err", "\tat ");
      // The last part may have been read already; then the check of the output finds it.
      assertThat(exitCode).as(program.said()).isIn(3, 5);
      assertThat(program.end().errors()).singleElement().asString().contains(shard.toString());
    }
    assertThat(run.output().resolve("wanda-cuda.json")).doesNotExist();
    assertThat(run.output().resolve("config.json")).doesNotExist();
    Files.delete(shard);
    Files.copy(whole, shard);
    if (Files.exists(run.output())) {
      assertThat(Directories.files(run.output())).isEmpty();
    }
    run.assertGoesOn(kind);
    run.assertInputUnchanged();
    FaultCounts.add(1, "faults injected: shards cut short");
  }

  /** What is pruned in place is its own input: it is refused, and not made worse. */
  @ParameterizedTest
  @CsvSource({"statistics", "magnitude"})
  void aShardThatIsCutShortInPlaceIsNotMadeLonger(String kind) throws Exception {
    Path model = TestData.copy(run.model(), directory.resolve("in-place"));
    Path shard = model.resolve("model-00003-of-00003.safetensors");
    List<Object> words = new java.util.ArrayList<>(List.of("prune", "--in-place", "--yes"));
    words.addAll(List.of("--backend", "cpu", "--model", model));
    words.addAll(run.options(kind));
    long length;
    try (Started program = Command.jar(words.toArray()).start()) {
      program.awaitFile(model.resolve(".wanda-cuda.journal"));
      try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
        length = file.length() / 10;
        file.setLength(length);
      }
      assertThat(program.exitCode()).as(program.said()).isIn(3, 5, 6);
      assertThat(program.end().errors()).singleElement().asString().contains(shard.toString());
    }
    assertThat(model.resolve("wanda-cuda.json")).doesNotExist();
    FaultCounts.add(1, "faults injected: shards cut short");
  }
}
