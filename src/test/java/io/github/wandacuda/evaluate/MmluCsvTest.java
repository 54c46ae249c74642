package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.text.JsonLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** MMLU as its authors packed it. */
class MmluCsvTest {
  private static final Path LINES = Path.of("testdata/tasks/original");

  @TempDir Path data;

  private Path write(String split, String subject, String text) throws IOException {
    Path folder = Files.createDirectories(data.resolve("data").resolve(split));
    return Files.writeString(folder.resolve("%s_%s.csv".formatted(subject, split)), text);
  }

  private void writeAs(String subject, String split) throws IOException {
    Path lines = LINES.resolve("mmlu").resolve(subject).resolve(split + ".jsonl");
    StringBuilder text = new StringBuilder();
    for (JsonNode row : JsonLines.read(lines, Long.MAX_VALUE).values()) {
      text.append('"').append(row.get("question").textValue().replace("\"", "\"\"")).append('"');
      row.get("choices").forEach(choice -> text.append(',').append(choice.textValue()));
      text.append(',').append("ABCD".charAt(row.get("answer").intValue())).append("\r\n");
    }
    write(split, subject, text.toString());
  }

  private static Task read(Path folder) {
    return Tasks.read(List.of("mmlu"), folder, Long.MAX_VALUE).getFirst();
  }

  @Test
  void asksWhatTheOtherFormatsAsk() throws IOException {
    for (String subject : List.of("abstract_algebra", "us_foreign_policy")) {
      writeAs(subject, "dev");
      writeAs(subject, "test");
    }
    List<TaskDocument> expected = read(LINES).documents();
    List<TaskDocument> found = read(data).documents();
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.size(); i++) {
      assertThat(found.get(i).choices()).isEqualTo(expected.get(i).choices());
      assertThat(found.get(i).gold()).isEqualTo(expected.get(i).gold());
      assertThat(found.get(i).group()).isEqualTo(expected.get(i).group());
    }
    assertThat(found.getFirst().place())
        .isEqualTo(data.resolve("data/test/abstract_algebra_test.csv") + ": line 1");
  }

  @Test
  void takesNoOtherFiles() throws IOException {
    write("test", "cooking", "q,1,2,3,4,A\n");
    write("val", "anatomy", "q,1,2,3,4,A\n");
    assertThatThrownBy(() -> read(data))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("cais/mmlu");
  }

  @Test
  void aRowOfOtherValuesIsNamed() throws IOException {
    Path file = write("test", "anatomy", "q,1,2,3,4,A\n\"a, b\",1,2,3,C\n");
    assertThatThrownBy(() -> read(data))
        .isInstanceOf(InputException.class)
        .hasMessage(
            file + ": line 2: expected a question, four answers and a letter, found 5 values");
    write("test", "anatomy", "q,1,2,3,4,E\n");
    write("dev", "anatomy", "q,1,2,3,4,A\n".repeat(5));
    assertThatThrownBy(() -> read(data))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("line 1: expected a number from 0 to 3 as answer");
  }
}
