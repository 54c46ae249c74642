package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.cli.Main;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.Words;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** OpenCL programs don't compile, one after the other. */
class OpenClFaults {
  private static final Path KERNELS = Path.of("kernels");
  private static final String FOLDER = "io/github/wandacuda/kernels";
  private static final long SECONDS = 120;

  @TempDir Path directory;

  private Case run;

  @BeforeEach
  void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(2, 64, 96, 100), 2, 16);
    Ended devices = program(Path.of("none"), "devices", "--json");
    assumeTrue(
        devices.said().contains("\"backend\" : \"opencl\"")
            && !devices.said().contains("no OpenCL"),
        "skipped: there is no OpenCL");
  }

  /** Runs the program with a folder in front of the jar, in a cache of its own. */
  private Ended program(Path classes, Object... words) throws IOException {
    return Command.java(
            Words.of(
                "--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp %s %s",
                classes + File.pathSeparator + Command.JAR, Main.class.getName()),
            words)
        .with(Map.of("XDG_CACHE_HOME", directory.resolve("cache").toAbsolutePath().toString()))
        .run();
  }

  private Object[] words(String kind, Path output) {
    List<Object> words =
        Words.of(
            "prune --model %s --output %s --backend opencl --resume --quiet", run.model(), output);
    words.addAll(run.options(kind));
    return words.toArray();
  }

  @Test
  void everyProgramThatDoesntCompileIsNamed() throws Exception {
    Path undisturbed = directory.resolve("undisturbed");
    Ended whole = program(Path.of("none"), words("samples", undisturbed));
    assumeTrue(whole.exitCode() == 0, "skipped: no usable OpenCL device: " + whole.said());
    int faults = 0;
    List<Path> kernels;
    try (Stream<Path> files = Files.walk(KERNELS)) {
      kernels = files.filter(file -> file.toString().endsWith(".cl")).sorted().toList();
    }
    for (int index = 0; index < kernels.size(); index += Tier.isEach() ? 1 : 5) {
      Path kernel = kernels.get(index);
      Path classes = Files.createTempDirectory(directory, "damaged");
      Path damaged = Files.createDirectories(classes.resolve(FOLDER));
      Files.writeString(
          damaged.resolve(kernel.getFileName()), Files.readString(kernel) + "\n#error no\n");
      Ended outcome = program(classes, words("samples", run.output()));
      if (outcome.exitCode() == 0) {
        // This run has no use for that program.
        Directories.assertSame(undisturbed, run.output());
        Directories.remove(run.output());
        continue;
      }
      faults++;
      assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(4);
      assertThat(outcome.said().lines().filter(line -> line.startsWith("wanda-cuda: ")))
          .as(kernel.toString())
          .singleElement();
      assertThat(outcome.said()).doesNotContain("\tat ");
      assertThat(run.output().resolve("wanda-cuda.json")).doesNotExist();
      run.assertInputUnchanged();
    }
    program(Path.of("none"), words("samples", run.output())).succeeds();
    Directories.assertSame(undisturbed, run.output());
    FaultCounts.add(faults, "faults injected: OpenCL builds");
    assertThat(faults).isPositive();
  }
}
