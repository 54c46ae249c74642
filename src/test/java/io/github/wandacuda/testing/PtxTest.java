package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The PTX that is shipped, against the kernels' sources. */
@Execution(ExecutionMode.CONCURRENT)
class PtxTest {
  private static final Path DIRECTORY = PretendCudaBuild.GENERATED;
  private static final Pattern VERSION = Pattern.compile("(?m)^\\.version (\\d+)\\.(\\d+)$");
  private static final Pattern MACHINE =
      Pattern.compile("Build ID|/|(_INTERNAL_|_GLOBAL__N__)(?!00000000_)");

  /** What the driver of CUDA 11.8 reads, the oldest that is supported. */
  private static final int NEWEST_VERSION = 78;

  private static final long SECONDS = 600;

  private static List<String> namesIn(Path directory, String ending) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(ending))
          .sorted()
          .toList();
    }
  }

  @Test
  void everyKernelFileHasPtxThatAllDevicesRun() throws IOException {
    List<String> files =
        PretendCudaBuild.kernels().stream()
            .map(file -> file.getFileName().toString())
            .map(name -> name.substring(0, name.length() - ".cu".length()))
            .sorted()
            .toList();
    assertThat(namesIn(DIRECTORY, ".sm_75.ptx"))
        .isNotEmpty()
        .isEqualTo(files.stream().map(name -> name + ".sm_75.ptx").toList());
    assertThat(files.stream().map(name -> name + ".sm_80.ptx"))
        .containsAll(namesIn(DIRECTORY, ".sm_80.ptx"));
  }

  @Test
  void everySupportedDriverReadsIt() throws IOException {
    for (String name : namesIn(DIRECTORY, ".ptx")) {
      String text = Files.readString(DIRECTORY.resolve(name));
      Matcher version = VERSION.matcher(text);
      assertThat(version.find()).as(name).isTrue();
      assertThat(Integer.parseInt(version.group(1)) * 10 + Integer.parseInt(version.group(2)))
          .as(name)
          .isLessThanOrEqualTo(NEWEST_VERSION);
      assertThat(text).as(name).doesNotContainPattern(MACHINE);
    }
  }

  /** The file says so where one does, on any architecture. */
  @Test
  void noKernelSpillsRegisters() throws IOException {
    assertThat(Files.readString(DIRECTORY.resolve("RESOURCES.md")))
        .contains("| `attention_128` |")
        .doesNotContain("/ spills ");
  }

  /** Files whose digests are those that were written down need no compiler. */
  @Test
  void isWhatTheSourcesGive() throws IOException {
    List<String> written = Files.readAllLines(DIRECTORY.resolve("DIGESTS.txt"));
    Ended digests = Command.of("sh", "kernels/build.sh", "--digests").within(SECONDS).run();
    assertThat(digests.exitCode()).as(digests.said()).isZero();
    List<String> changed =
        digests
            .out()
            .lines()
            .filter(line -> !written.contains(line))
            .map(line -> line.replaceAll(".*/(.*)\\.cu", "$1"))
            .toList();
    if (changed.isEmpty()) {
      assertThat(written).hasSameSizeAs(PretendCudaBuild.kernels());
      return;
    }
    assumeTrue(
        PretendCudaBuild.isThere("nvcc") && PretendCudaBuild.isThere("ptxas"),
        "the PTX of " + changed + " is checked with nvcc, which is not there");
    Ended release = Command.of("nvcc", "--version").within(SECONDS).run();
    assumeTrue(
        release.said().contains("release 13.0,"),
        "the PTX of " + changed + " is checked with nvcc 13.0, which is not there");
    List<String> check = new ArrayList<>(List.of("sh", "kernels/build.sh", "--check"));
    check.addAll(changed);
    assertThat(Command.of(check.toArray()).within(SECONDS).run()).isEqualTo(new Ended(0, "", ""));
  }
}
