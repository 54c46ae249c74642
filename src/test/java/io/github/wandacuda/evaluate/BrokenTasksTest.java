package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows that somebody broke, each refused in a line that names file, row, and what is wrong. */
class BrokenTasksTest {
  @TempDir Path data;

  private void assertRefused(String task, String place, String line, String said)
      throws IOException {
    Path file = data.resolve(place);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "\n" + line + "\n");
    String name = place.equals("mine.jsonl") ? file.toString() : task;
    assertThatThrownBy(() -> Tasks.read(List.of(name), data, Long.MAX_VALUE))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file + ": line 2: ")
        .hasMessageContaining(said)
        .message()
        .hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"continuations\":[\" a\",\" b\"],\"gold\":0}|a column or key context, found continuations, gold",
        "{\"context\":null,\"continuations\":[\" a\",\" b\"],\"gold\":0}|found context (null)",
        "{\"context\":\"c\",\"continuations\":[\" a\",\"\"],\"gold\":0}|answers that aren't empty, found answer 2 empty",
        "{\"context\":\"c\",\"continuations\":[\" a\"],\"gold\":0}|two or more answers, found 1",
        "{\"context\":\"c\",\"continuations\":[],\"gold\":0}|two or more answers, found 0",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":\"0\"}|a whole number as gold, found \"0\"",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":0,\"gold\":1}|the key 'gold' is there twice",
        "{\"context\":\"c\",\"continuations\":\" a\",\"gold\":0}|a list of strings as continuations",
        "{\"context\":\"c\",\"continuations\":[\" a\",7],\"gold\":0}|a string as continuations, found 7",
        "{\"context\":7,\"continuations\":[\" a\",\" b\"],\"gold\":0}|a string as context, found 7",
        "{\"context\":[\"c\"],\"continuations\":[\" a\",\" b\"],\"gold\":0}|as many contexts as continuations, 2, found 1",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":2}|a number from 0 to 1 as gold, found 2",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":-1}|found -1",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":0.5}|found 0.5",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":NaN}|not JSON",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"],\"gold\":1e99}|found 1.0E99",
        "{\"context\":\"c\",\"continuations\":[\" a\",\" b\"]}|a column or key gold",
        "{\"context\":\"\\ud800\",\"continuations\":[\" a\",\" b\"],\"gold\":0}|half a surrogate pair",
        "[1]|expected a JSON object, found a list",
        "{} {}|one JSON object, found more after it",
        "{\"context\":|not JSON"
      })
  void genericTasks(String line, String said) throws IOException {
    assertRefused("mine", "mine.jsonl", line, said);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "boolq|boolq/dev.jsonl|{\"passage\":\"p\",\"query\":\"q\",\"answer\":true}|key question, found passage, query, answer",
        "boolq|boolq/dev.jsonl|{\"passage\":\"p\",\"question\":\"q\",\"answer\":\"yes\"}|a number from 0 to 1 as answer",
        "rte|rte/val.jsonl|{\"premise\":\"p\",\"hypothesis\":\"h\",\"label\":\"maybe\"}|as label, found \"maybe\"",
        "hellaswag|hellaswag/val.jsonl|{\"activity_label\":\"a\",\"ctx_a\":\"b\",\"ctx_b\":\"\",\"endings\":[\"e\",\"f\"],\"label\":\"\"}|a number from 0 to 1 as label, found \"\"",
        "hellaswag|hellaswag/val.jsonl|{\"activity_label\":\"a\",\"ctx_a\":\"b\",\"ctx_b\":\"\",\"endings\":[\"e\",\"[x]\"],\"label\":\"0\"}|answer 2 empty",
        "winogrande|winogrande/dev.jsonl|{\"sentence\":\"no blank\",\"option1\":\"a\",\"option2\":\"b\",\"answer\":\"1\"}|a sentence with a _",
        "winogrande|winogrande/dev.jsonl|{\"sentence\":\"a _ b\",\"option1\":\"a\",\"option2\":\"b\",\"answer\":\"\"}|a number from 1 to 2 as answer",
        "arc_easy|arc_easy/test.jsonl|{\"question\":\"q\",\"choices\":{\"text\":[\"a\",\"b\"],\"label\":[\"A\",\"B\"]},\"answerKey\":\"C\"}|one of [A, B] as answerKey, found \"C\"",
        "arc_easy|arc_easy/test.jsonl|{\"question\":\"q\",\"choices\":{\"text\":[\"a\",\"b\"]},\"answerKey\":\"A\"}|a list of strings as choices.label, found nothing",
        "openbookqa|openbookqa/test.jsonl|{\"question\":{\"stem\":\"q\"},\"answerKey\":\"A\"}|key question_stem, found question, answerKey",
        "piqa|piqa/valid.jsonl|{\"goal\":\"g\",\"sol1\":\"a\",\"sol2\":\"b\"}|key label, found goal, sol1, sol2",
        "piqa|piqa/valid.jsonl|{\"goal\":\"g\",\"sol1\":\"\",\"sol2\":\"b\",\"label\":0}|answer 1 empty",
        "mmlu|mmlu/anatomy/test.jsonl|{\"question\":\"q\",\"subject\":\"cooking\",\"choices\":[\"1\",\"2\",\"3\",\"4\"],\"answer\":0}|one of MMLU's 57 subjects, found cooking"
      })
  void tasksOfPapers(String task, String place, String line, String said) throws IOException {
    assertRefused(task, place, line, said);
  }

  @Test
  void mmluNeedsFiveQuestionsOfTheSubject() throws IOException {
    Path folder = Files.createDirectories(data.resolve("mmlu/anatomy"));
    String row = "{\"question\":\"q\",\"choices\":[\"1\",\"2\",\"3\",\"4\"],\"answer\":\"C\"}\n";
    Files.writeString(folder.resolve("test.jsonl"), row);
    Files.writeString(folder.resolve("dev.jsonl"), row.repeat(4));
    assertThatThrownBy(() -> Tasks.read(List.of("mmlu"), data, 1))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("subject anatomy: expected 5 questions of the split dev, found 4");
    Files.writeString(folder.resolve("dev.jsonl"), row.repeat(5));
    assertThat(Tasks.read(List.of("mmlu"), data, 1).getFirst().documents().getFirst().gold())
        .isEqualTo(2);
  }

  @Test
  void emptyFilesAreRefused() throws IOException {
    Path file = Files.writeString(data.resolve("mine.jsonl"), "\n \n");
    assertThatThrownBy(() -> Tasks.read(List.of(file.toString()), null, 1))
        .hasMessage(file + ": expected a document on each line, found none");
    Files.writeString(data.resolve("boolq.jsonl"), "");
    assertThatThrownBy(() -> Tasks.read(List.of("boolq"), data, 1))
        .hasMessageContaining("boolq.jsonl: expected rows, found none");
  }
}
