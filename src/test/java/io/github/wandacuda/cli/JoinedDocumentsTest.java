package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sets of short documents, as those for chat, calibrate a model with {@code --join}. */
class JoinedDocumentsTest {
  @TempDir Path directory;

  private Path documents;

  @BeforeEach
  void write() throws IOException {
    documents = directory.resolve("short.jsonl");
    Files.write(documents, Collections.nCopies(9, "{\"text\": \"Once upon a time, far away.\"}"));
  }

  private Cli.Result run(String command, Object... more) {
    List<Object> words = new ArrayList<>(List.of(command, "--model", TestData.TINY_LLAMA));
    words.addAll(List.of("--calibration", documents, "--samples", 2, "--sequence-length", 24));
    words.addAll(List.of("--backend", "cpu"));
    words.addAll(List.of(more));
    return InProcess.run(words.toArray());
  }

  @Test
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
      Cli.Result without = run((String) command.get(0), more.toArray());
      assertThat(without.exitCode()).isEqualTo(3);
      assertThat(without.err()).contains("documents of at most", "; --join joins them");
      more.add("--join");
      Cli.Result joined = run((String) command.get(0), more.toArray());
      assertThat(joined.exitCode()).as(joined.err()).isZero();
    }
    JsonNode record = TestData.json(out.resolve("wanda-cuda.json"));
    assertThat(record.get("join").asBoolean()).isTrue();
    assertThat(Statistics.read(saved).joined()).isTrue();
    assertThat(Statistics.read(file).joined()).isTrue();
    Cli.Result verified = InProcess.run("verify", "--dense", TestData.TINY_LLAMA, "--pruned", out);
    assertThat(verified.exitCode()).as(verified.err()).isZero();
  }

  @Test
  void oneTextIsNotJoined() {
    documents = Path.of("testdata/text/calibration.txt");
    Cli.Result result = run("calibrate", "--output", directory.resolve("norms"), "--join");
    assertThat(result.exitCode()).isEqualTo(2);
    assertThat(result.err()).contains("--join: expected documents");
  }
}
