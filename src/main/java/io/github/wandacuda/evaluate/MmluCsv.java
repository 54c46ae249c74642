package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.text.CsvRows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * MMLU's files in the archive of its authors: {@code test/anatomy_test.csv}, each row a question,
 * four answers and the letter of the right one.
 */
final class MmluCsv {
  private static final String END = ".csv";
  private static final int ANSWERS = 4;

  private MmluCsv() {}

  /** Returns the subject of a split's file, or nothing if it is another file. */
  static Optional<String> subject(Path file, String split) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    String end = "_" + split + END;
    return name.endsWith(end)
        ? Optional.of(name.substring(0, name.length() - end.length()))
            .filter(subject -> MmluSubject.group(subject).isPresent())
        : Optional.empty();
  }

  /**
   * Reads a file as rows such as the hub has.
   *
   * @throws InputException if it can't be read, or a row hasn't six values
   */
  static List<TaskRow> read(Path file, String subject) {
    List<TaskRow> rows = new ArrayList<>();
    CsvRows.read(file)
        .forEach(
            (line, values) -> rows.add(new TaskRow(file, line, row(file, line, values, subject))));
    return rows;
  }

  private static ObjectNode row(Path file, int line, List<String> values, String subject) {
    if (values.size() != ANSWERS + 2) {
      throw ErrorDetails.file(file)
          .part("line " + line)
          .wrong("a question, four answers and a letter", "%d values".formatted(values.size()));
    }
    ObjectNode row = JsonNodeFactory.instance.objectNode();
    row.put("question", values.getFirst());
    row.put("subject", subject);
    ArrayNode choices = row.putArray("choices");
    values.subList(1, 1 + ANSWERS).forEach(choices::add);
    row.put("answer", values.getLast().strip());
    return row;
  }
}
