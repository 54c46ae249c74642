package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Calibration on what the model writes: saved, taken again, resumed, and refused. */
class SelfCalibrationTest {
  @TempDir Path directory;

  private static List<Object> words(String command, Object... more) {
    return Words.of(
        "%s --model %s --calibration self --samples 4 --sequence-length 32 --backend cpu",
        command, TestData.TINY_LLAMA, more);
  }

  private static ObjectNode record(Path output) {
    ObjectNode record = (ObjectNode) TestData.json(output.resolve("wanda-cuda.json"));
    assertThat(record.remove("files").toString()).contains("calibration");
    return record;
  }

  @Test
  void whatWasSavedPrunesTheSame() throws Exception {
    Path saved = directory.resolve("saved.json");
    Path own = directory.resolve("own");
    Path again = directory.resolve("again");
    List<Object> words = words("prune", "--output", own, "--save-calibration", saved);
    assertThat(InProcess.run(words).succeeds().err())
        .contains("the model writes 4 samples of 32 tokens itself, on cpu");
    assertThat(TestData.tokens(saved)).hasSize(4).allMatch(sample -> sample.length == 32);
    InProcess.line(
            "prune --model %s --calibration %s --output %s --backend cpu",
            TestData.TINY_LLAMA, saved, again)
        .succeeds();
    assertThat(record(own)).isEqualTo(record(again));
    assertThat(TestData.json(own.resolve("wanda-cuda.json")).at("/files/calibration").asText())
        .isEqualTo("self");
    InProcess.line("verify --dense %s --pruned %s", TestData.TINY_LLAMA, own).succeeds();
    Path compared = directory.resolve("compared.json");
    Path norms = directory.resolve("norms.safetensors");
    Path text = Files.writeString(directory.resolve("text.json"), "[[1, 17, 300, 4]]");
    Path other = directory.resolve("other.json");
    InProcess.run(
            words("compare", "--text", text, "--methods", "wanda", "--save-calibration", compared))
        .succeeds();
    InProcess.run(words("calibrate", "--output", norms, "--save-calibration", other)).succeeds();
    assertThat(compared).hasSameBinaryContentAs(saved);
    assertThat(other).hasSameBinaryContentAs(saved);
  }

  @Test
  void anInterruptedRunGoesOnWithTheSameSamples() throws Exception {
    Path report = directory.resolve("report.json");
    Path saved = directory.resolve("saved.json");
    Path text = Files.writeString(directory.resolve("text.json"), "[[1, 17, 300, 4]]");
    List<Object> words = words("compare", "--text", text, "--methods", "wanda,ria");
    words.addAll(List.of("--report", report, "--quiet", "--save-calibration", saved));
    CompareCommandTest.interrupt(3, words);
    byte[] written = Files.readAllBytes(saved);
    InProcess.run(words, "--resume", "--seed", 1).fails(2, "calibration (there ");
    InProcess.run(words, "--resume").succeeds();
    assertThat(saved).hasBinaryContent(written);
    Path output = directory.resolve("out");
    InProcess.run(words("prune", "--output", output)).succeeds();
    InProcess.run(words("prune", "--output", output, "--resume", "--seed", 1))
        .fails(2, "the output of another run", "calibration_sha256");
    InProcess.run(words("prune", "--output", output, "--resume")).succeeds();
  }

  @Test
  void aModelWithoutAFirstTokenIsToldOf() throws Exception {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    TestData.replace(model.resolve("config.json"), "\"bos_token_id\": 1,", "");
    Path norms = directory.resolve("norms.safetensors");
    List<Object> words = words("calibrate", "--output", norms);
    words.replaceAll(word -> word.equals(TestData.TINY_LLAMA) ? model : word);
    assertThat(InProcess.run(words).succeeds().err())
        .contains("on cpu: the first of each is drawn, as its config names no bos_token_id");
  }

  @Test
  void aDryRunWritesNothing() {
    Path saved = directory.resolve("saved.json");
    Path output = directory.resolve("out");
    assertThat(
            InProcess.run(
                    words("prune", "--output", output, "--dry-run", "--save-calibration", saved))
                .succeeds()
                .err())
        .contains("what the model takes to write its samples is not in the plan")
        .doesNotContain("itself");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    Path output = directory.resolve("out");
    Path norms = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
    InProcess.run(words("prune", "--output", output, "--join"))
        .fails(2, "self: --join: expected documents");
    InProcess.run(words("prune", "--output", output, "--statistics", norms))
        .fails(2, "--calibration and --statistics exclude each other");
    InProcess.run(words("prune", "--output", output, "--save-calibration", "saved.txt"))
        .fails(2, "--save-calibration: expected a name in .json, found saved.txt");
    InProcess.line(
            "prune --model %s --output %s --statistics %s --save-calibration saved.json",
            TestData.TINY_LLAMA, output, norms)
        .fails(2, "--save-calibration needs samples");
    assertThat(directory).isEmptyDirectory();
  }
}
