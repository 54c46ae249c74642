package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.cpu.FoundOneDnn;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.RoundedModel;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Precision fast on the CPU: its own bytes, for any number of threads, or a line that says why not.
 */
class CpuPrecisionTest {
  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void round() throws IOException {
    model = RoundedModel.write(TestData.TINY_LLAMA, directory.resolve("model"), DType.BF16);
  }

  private List<Object> calibrate(String output, String... more) {
    return Words.of(
        "calibrate --model %s --backend cpu --calibration %s --samples 2 --output %s --json",
        model, TestData.GOLDEN.resolve("calibration.json").toAbsolutePath(), file(output), more);
  }

  private Path file(String name) {
    return directory.resolve(name);
  }

  private static Ended run(List<Object> words) {
    return InProcess.run(words).succeeds();
  }

  @Test
  void bytesAreItsOwnForAnyNumberOfThreads() throws IOException {
    Object unused = FoundOneDnn.require();
    Ended usual = run(calibrate("usual"));
    Ended fast = run(calibrate("fast", "--precision", "fast"));
    run(calibrate("alone", "--precision", "fast", "--threads", "1"));
    assertThat(usual.json().path("precision").asText()).isEqualTo("float32");
    assertThat(fast.json().path("precision").asText()).isEqualTo("fast");
    assertThat(fast.err()).doesNotContain("no effect");
    assertThat(file("fast")).hasSameBinaryContentAs(file("alone"));
    assertThat(Files.mismatch(file("fast"), file("usual"))).isNotNegative();
  }

  @Test
  void textIsGeneratedInFloat32() throws IOException {
    Object unused = FoundOneDnn.require();
    Path ids = Files.writeString(file("ids.json"), "[1, 2, 3]");
    Ended result =
        InProcess.line(
                "generate --model %s --backend cpu --prompt-tokens %s --tokens 1 --precision fast",
                model, ids)
            .succeeds();
    assertThat(result.err()).contains("WARN --precision has no effect: cpu generates in float32");
  }

  /** A file that is no library stands for one that isn't there. */
  @Test
  @Thorough
  void withoutTheLibraryItIsAsWithoutTheOption() throws IOException, InterruptedException {
    run(calibrate("usual"));
    for (String name : List.of("libdnnl.so.3", "libdnnl.so.3.6")) {
      Files.writeString(file(name), "no library");
    }
    Ended child =
        Command.main(
                List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"),
                Main.class,
                calibrate("fast", "--precision", "fast"))
            .in(directory)
            .with(Map.of("LD_LIBRARY_PATH", directory.toString()))
            .run()
            .succeeds();
    assertThat(child.said())
        .containsOnlyOnce(
            "WARN --precision has no effect: cpu multiplies in float32: libdnnl.so.3 was not found")
        .contains("\"precision\" : \"float32\"");
    assertThat(file("fast")).hasSameBinaryContentAs(file("usual"));
  }
}
