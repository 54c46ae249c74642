package io.github.wandacuda.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models whose files have the names of a run's own. */
class ReservedNamesTest {
  private static final String SHARD = "model-00002-of-00002.safetensors";

  @TempDir Path directory;

  private Path model;

  @BeforeEach
  void write() throws IOException {
    model = new GeneratedLlama(3, 32, 64, 50).write(directory.resolve("model"));
  }

  static Stream<String> names() {
    return Stream.of(
        "wanda-cuda.json",
        "Wanda-CUDA.JSON",
        ".wanda-cuda.journal",
        ".wanda-cuda.masks",
        ".wanda-cuda.steps",
        ".wanda-cuda.states-0",
        ".wanda-cuda.states-1",
        ".Wanda-Cuda.states-1",
        AtomicWrite.temporary(Path.of("model-00001-of-00002.safetensors")).toString(),
        AtomicWrite.temporary(Path.of("config.json")).toString(),
        "config.json",
        "model.safetensors.index.json",
        "tokenizer.json",
        "generation_config.json");
  }

  private PruneRequest request(Path output) {
    return Pruning.request(output, Method.MAGNITUDE, Pruning.HALF, new Calibration.None());
  }

  /** Shards of such names were replaced, left out or deleted. */
  @ParameterizedTest
  @MethodSource("names")
  void aShardIsRefusedBeforeAnythingIsWritten(String name) throws IOException {
    Path index = model.resolve("model.safetensors.index.json");
    Files.writeString(index, Files.readString(index).replace(SHARD, name));
    if (!Files.exists(model.resolve(name))) {
      Files.move(model.resolve(SHARD), model.resolve(name));
    }
    Path before = TestData.copy(model, directory.resolve("before"));
    Path output = directory.resolve("out");
    for (Path target : List.of(output, model)) {
      assertThatThrownBy(() -> run(target))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll(index.toString(), "name of a shard", name);
      Directories.assertSame(before, model);
      assertThat(output).doesNotExist();
    }
  }

  private void run(Path target) {
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(1)) {
      PruneJob job =
          target.equals(model)
              ? PruneJob.inPlace(opened, request(target))
              : PruneJob.toOutput(opened, request(target));
      job.run(backend, Progress.NONE, MaskSink.NONE, result -> {});
    }
  }

  @Test
  void foldersOfTheSourceDontStandWhereARunsFilesGo() throws IOException {
    for (String name :
        List.of(".wanda-cuda.states-0", ".wanda-cuda.masks", "wanda-cuda.json", "sub")) {
      Files.createDirectories(model.resolve(name));
      Files.writeString(model.resolve(name).resolve("side.txt"), "side");
    }
    Path output = directory.resolve("out");
    run(output);
    assertThat(output.resolve("sub/side.txt")).hasContent("side");
    assertThat(output.resolve("wanda-cuda.json")).isRegularFile();
    assertThat(Directories.files(output)).noneMatch(file -> file.startsWith(".wanda-cuda.masks"));
  }
}
