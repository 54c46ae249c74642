package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.testing.Ended;
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

  private Ended run(String command, Object... more) {
    return InProcess.line(
        "%s --model %s --calibration %s --samples 2 --sequence-length 24 --backend cpu",
        command, TestData.TINY_LLAMA, documents, more);
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

  @Test
  void oneTextIsNotJoined() {
    documents = Path.of("testdata/text/calibration.txt");
    run("calibrate", "--output", directory.resolve("norms"), "--join")
        .fails(2, "--join: expected documents");
  }
}
