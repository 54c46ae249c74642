package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.ProcessOutcome;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernels do the work: with a comparison in them turned round, the result is another one. */
@Tag("gpu")
@Tag("pretend")
class DamagedCudaKernelsTest {
  private static final Path OUT = Path.of("target", "pretend-cuda-damaged");
  private static final long SECONDS = 120;

  @TempDir Path kernels;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "select_rows.cu | lowest.cuh | other.key < mine.key | other.key > mine.key | row 120",
        "select_groups.cu | select_groups.cu | keys[j] < keys[i] | keys[j] > keys[i] | group 2 4",
        "select_small_groups.cu | select_small_groups.cu | key < keys[chunk] | key > keys[chunk] | group 3 5",
        "select_at_most.cu | select_at_most.cu | <= threshold | >= threshold | atmost 0.01",
      })
  void aComparisonThatIsTurnedRoundShows(
      String kernel, String file, String sound, String damaged, String rule) throws IOException {
    copyKernel(kernel);
    assertThat(select(rule).exitCode()).as("with sound kernels").isEqualTo(SelectOnCuda.SAME);

    Path source = kernels.resolve(file);
    String text = Files.readString(source);
    assertThat(text).contains(sound);
    Files.writeString(source, text.replace(sound, damaged));
    ProcessOutcome outcome = select(rule);
    assertThat(outcome.exitCode()).as(outcome.output()).isEqualTo(SelectOnCuda.DIFFERENT);
  }

  private void copyKernel(String kernel) throws IOException {
    Files.copy(PretendCudaBuild.KERNELS.resolve(kernel), kernels.resolve(kernel));
    try (DirectoryStream<Path> headers =
        Files.newDirectoryStream(PretendCudaBuild.KERNELS, "*.cuh")) {
      for (Path header : headers) {
        Files.copy(header, kernels.resolve(header.getFileName()));
      }
    }
  }

  /** Compares in a process that finds the driver with these kernels as the system's. */
  private ProcessOutcome select(String rule) throws IOException {
    PretendCudaBuild.assumePossible();
    PretendCudaBuild.run(OUT, List.of("--kernels", kernels.toString()));
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "LD_LIBRARY_PATH=" + OUT.toAbsolutePath(),
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                SelectOnCuda.class.getName()));
    command.addAll(List.of(rule.split(" ")));
    return ProcessOutcome.of(command, SECONDS);
  }
}
