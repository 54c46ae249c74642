package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Experts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A model, runs of it, and what has to hold whatever happens to them. */
final class Case {
  private final Path model;
  private final Path copy;
  private final Path statistics;
  private final Path samples;
  private final Path directory;

  /** Writes a model below a directory, and a copy to compare it with. */
  Case(Path directory, GeneratedLlama llama, int samples, int length) throws IOException {
    this.directory = directory;
    model = llama.write(directory.resolve("model"));
    copy = llama.write(directory.resolve("untouched"));
    statistics = llama.writeStatistics(directory.resolve("statistics.safetensors"));
    this.samples = llama.writeSamples(directory.resolve("samples.json"), samples, length);
  }

  /** Copies a model below a directory; there are token ids for it. */
  Case(Path directory, Path untouched, Path samples) {
    this.directory = directory;
    model = TestData.copy(untouched, directory.resolve("model"));
    copy = untouched;
    statistics =
        Experts.scores(model, directory.resolve("statistics.safetensors"), List.of(1, 2, 3));
    this.samples = samples;
  }

  Path model() {
    return model;
  }

  Path output() {
    return directory.resolve("out");
  }

  /**
   * Returns the options of a kind of run: statistics, magnitude, samples, another method, or parts
   * that go. Runs by magnitude write through the page cache, the others past it.
   */
  List<Object> options(String kind) {
    return switch (kind) {
      case "statistics" -> List.of("--statistics", statistics, "--io", "direct");
      case "magnitude" -> List.of("--method", "magnitude");
      case "packed" -> List.of("--method", "magnitude", "--packed");
      case "sparsegpt", "ria" -> samples("--method", kind);
      case "swaps-reconstruct" -> samples("--refine", "swaps", "--update", "reconstruct");
      case "alps" -> samples("--update", kind);
      case "atp" -> samples("--allocation", kind);
      case "scores" ->
          Words.of("--structure experts --statistics %s --shard-size 200KB", statistics);
      case "blocks" -> parts(kind, "--remove", 1);
      case "heads" -> parts(kind, "--remove", 2);
      case "channels", "experts" -> parts(kind, "--sparsity", 0.25, "--update", "realign");
      case "auto" -> parts(kind, "--sparsity", 0.3);
      case "recipe" -> samples("--recipe", recipe().toString(), "--shard-size", "200KB");
      default -> samples();
    };
  }

  /** Where the smaller model is between the halves of a run by a recipe. */
  Path smaller() {
    return directory.resolve("out.smaller");
  }

  private Path recipe() {
    try {
      return Files.writeString(
          directory.resolve("recipe.yaml"),
          "- {structure: channels, sparsity: 0.25, update: realign}\n- sparsity: 0.5\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the options of a calibrated run that can be resumed after each block. */
  private List<Object> samples(String... more) {
    return Words.of("--calibration %s --checkpoint-every 0 --io direct", samples, more);
  }

  private List<Object> parts(String kind, Object... more) {
    return Words.of(
        "--structure %s --calibration %s --samples 4 --shard-size 200KB --io direct",
        kind, samples, more);
  }

  /** Returns the words of a run. */
  Object[] run(String kind, Path output, Object... more) {
    return Words.of(
            "prune --model %s --output %s --backend cpu", model, output, options(kind), more)
        .toArray();
  }

  /** Runs undisturbed and returns the output. */
  Path undisturbed(String kind) throws IOException, InterruptedException {
    Path output = directory.resolve("undisturbed-" + kind);
    if (!Files.exists(output)) {
      Command.jar(run(kind, output)).run().succeeds();
    }
    return output;
  }

  /** Resumes and compares the result. */
  void assertGoesOn(String kind) throws IOException, InterruptedException {
    Command.jar(run(kind, output(), "--resume")).run().succeeds();
    Directories.assertSame(undisturbed(kind), output());
  }

  /** The input is as it was, byte for byte. */
  void assertInputUnchanged() {
    Directories.assertSame(copy, model);
  }

  /** The output can't be taken for a finished one; if it is, it is whole. */
  void assertPlainlyUnfinished(String kind) throws IOException, InterruptedException {
    if (Files.exists(output().resolve("wanda-cuda.json"))) {
      Directories.assertSame(undisturbed(kind), output());
    } else {
      boolean begun = Files.exists(output()) && !Directories.files(output()).isEmpty();
      assertThat(!begun || Files.exists(output().resolve(".wanda-cuda.journal"))).isTrue();
    }
  }
}
