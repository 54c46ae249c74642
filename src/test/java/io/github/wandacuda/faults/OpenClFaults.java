package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.ProcessOutcome;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
    ProcessOutcome devices = program(Path.of("none"), "devices", "--json");
    assumeTrue(
        devices.output().contains("\"backend\" : \"opencl\"")
            && !devices.output().contains("no OpenCL"),
        "skipped: there is no OpenCL");
  }

  /** Runs the program with a folder in front of the jar, in a cache of its own. */
  private ProcessOutcome program(Path classes, Object... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add("env");
    command.add("XDG_CACHE_HOME=" + directory.resolve("cache").toAbsolutePath());
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp"));
    command.add(classes + File.pathSeparator + "target/wanda-cuda.jar");
    command.add("io.github.wandacuda.cli.Main");
    Stream.of(words).map(Object::toString).forEach(command::add);
    return ProcessOutcome.of(command, SECONDS);
  }

  private Object[] words(String kind, Path output) {
    List<Object> words = new ArrayList<>(List.of("prune", "--model", run.model()));
    words.addAll(List.of("--output", output, "--backend", "opencl", "--resume", "--quiet"));
    words.addAll(run.options(kind));
    return words.toArray();
  }

  @Test
  void everyProgramThatDoesntCompileIsNamed() throws Exception {
    Path undisturbed = directory.resolve("undisturbed");
    ProcessOutcome whole = program(Path.of("none"), words("samples", undisturbed));
    assumeTrue(whole.exitCode() == 0, "skipped: no usable OpenCL device: " + whole.output());
    int faults = 0;
    List<Path> kernels;
    try (Stream<Path> files = Files.walk(KERNELS)) {
      kernels = files.filter(file -> file.toString().endsWith(".cl")).sorted().toList();
    }
    for (Path kernel : kernels) {
      Path classes = Files.createTempDirectory(directory, "damaged");
      Path damaged = Files.createDirectories(classes.resolve(FOLDER));
      Files.writeString(
          damaged.resolve(kernel.getFileName()), Files.readString(kernel) + "\n#error no\n");
      ProcessOutcome outcome = program(classes, words("samples", run.output()));
      if (outcome.exitCode() == 0) {
        // This run has no use for that program.
        Directories.assertSame(undisturbed, run.output());
        remove(run.output());
        continue;
      }
      faults++;
      assertThat(outcome.exitCode()).as(outcome.output()).isEqualTo(4);
      assertThat(outcome.output().lines().filter(line -> line.startsWith("wanda-cuda: ")))
          .as(kernel.toString())
          .singleElement();
      assertThat(outcome.output()).doesNotContain("\tat ");
      assertThat(run.output().resolve("wanda-cuda.json")).doesNotExist();
      run.assertInputUnchanged();
    }
    ProcessOutcome again = program(Path.of("none"), words("samples", run.output()));
    assertThat(again.exitCode()).as(again.output()).isZero();
    Directories.assertSame(undisturbed, run.output());
    FaultCounts.add(faults, "faults injected: OpenCL builds");
    assertThat(faults).isPositive();
  }

  private static void remove(Path output) throws IOException {
    for (Path file : Directories.files(output)) {
      Files.delete(output.resolve(file));
    }
  }
}
