package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What samples are drawn from: short documents, those beyond the positions, second moments. */
class CalibrateCommandTest {
  private static final String MODULE = "model.layers.1.mlp.down_proj";

  @TempDir Path directory;
  private Path documents;

  @BeforeEach
  void write() throws IOException {
    documents = directory.resolve("short.jsonl");
    Files.write(documents, Collections.nCopies(9, "{\"text\": \"Once upon a time, far away.\"}"));
  }

  private Ended run(String command, Object... more) {
    return InProcess.line(
        "%s --model %s --calibration %s --samples 2 --sequence-length 24 --backend cpu",
        command, TestData.TINY_LLAMA, documents, more);
  }

  @Test
  @Thorough
  void everyCommandThatDrawsJoinsThem() throws IOException {
    Path text = Files.writeString(directory.resolve("text.json"), "[[5, 6, 7, 8]]");
    Path out = directory.resolve("out");
    Path saved = directory.resolve("saved.safetensors");
    Path file = directory.resolve("norms.safetensors");
    List<List<Object>> commands =
        List.of(
            List.of("prune", "--output", out, "--save-statistics", saved),
            List.of("calibrate", "--output", file),
            List.of("compare", "--text", text, "--methods", "wanda"));
    for (List<Object> command : commands) {
      List<Object> more = new ArrayList<>(command.subList(1, command.size()));
      run((String) command.get(0), more.toArray())
          .fails(3, "documents of at most", "; --join joins them");
      more.add("--join");
      Ended joined = run((String) command.get(0), more.toArray()).succeeds();
    }
    JsonNode record = TestData.json(out.resolve("wanda-cuda.json"));
    assertThat(record.get("join").asBoolean()).isTrue();
    assertThat(Statistics.read(saved).joined()).isTrue();
    assertThat(Statistics.read(file).joined()).isTrue();
    InProcess.line("verify --dense %s --pruned %s", TestData.TINY_LLAMA, out).succeeds();
  }

  private Ended runQuietly(String command) {
    List<Object> words = new ArrayList<>(Arrays.asList((Object[]) command.split(" ")));
    words.addAll(List.of("--model", TestData.TINY_LLAMA, "--backend", "cpu", "--quiet"));
    words.addAll(List.of("--output", directory.resolve("out")));
    return InProcess.run(words);
  }

  /** Writes a list that is longer than the model has positions. */
  private Path lists() throws IOException {
    return Files.writeString(directory.resolve("lists.json"), "[[" + "1,".repeat(599) + "1]]");
  }

  /** Perplexity is there to look at: what a model does beyond its positions can be asked for. */
  @Test
  @Thorough
  void perplexityWarnsOfThem() throws IOException {
    Path lists = lists();
    for (List<Object> input :
        List.<List<Object>>of(
            List.of("--tokens", lists),
            List.of("--text", "testdata/text/heldout.txt", "--sequence-length", 600))) {
      List<Object> words = Words.of("perplexity --model %s", TestData.TINY_LLAMA);
      words.addAll(input);
      words.addAll(List.of("--backend", "cpu"));
      Ended result = InProcess.run(words).succeeds();
      assertThat(result.err())
          .contains("WARN a window of 600 tokens is longer than the model's 512 positions");
      assertThat(result.out()).startsWith("perplexity ");
    }
  }

  @Test
  void secondMomentsAreWrittenWhenAskedFor() {
    Path fixture = TestData.fixture("llama-gqa");
    Path file = directory.resolve("statistics");
    List<Object> words =
        Words.of(
            "calibrate --model %s --calibration %s --output %s --backend cpu --json",
            fixture.resolve("model"), fixture.resolve("tokens.json"), file);
    Ended without = InProcess.run(words).succeeds();
    assertThat(without.json().get("second_moments").booleanValue()).isFalse();
    try (GramFile grams = GramFile.open(file)) {
      assertThat(grams.has(MODULE)).isFalse();
    }
    Ended with = InProcess.run(words, "--second-moments", "--overwrite").succeeds();
    assertThat(with.json().get("second_moments").booleanValue()).isTrue();
    Statistics statistics = Statistics.read(file);
    try (GramFile grams = GramFile.open(file);
        Arena memory = Arena.ofConfined()) {
      Gram gram = grams.read(MODULE, statistics.norms().get(MODULE), memory);
      assertThat(gram.get(0, 0)).isPositive();
    }
  }

  @Test
  void theSummaryNamesTheScoresOfExperts(@TempDir Path folder) {
    Path fixture = TestData.fixture("mixtral");
    Ended result =
        InProcess.line(
                "calibrate --model %s --calibration %s --experts --output %s --backend cpu",
                fixture.resolve("model"),
                fixture.resolve("tokens.json"),
                folder.resolve("scores.safetensors"))
            .succeeds();
    assertThat(result.out())
        .containsPattern("modules and the experts' scores of \\d+ mixtures over");
  }
}
