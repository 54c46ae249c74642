package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.text.Utf8;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The labels of PIQA's original files, which lie line by line in a file beside the questions. */
final class PiqaLabels {
  private PiqaLabels() {}

  /**
   * Returns rows with their labels; the same rows if they have them.
   *
   * @throws InputException if there is no file of labels, or it has fewer than there are rows
   */
  static List<TaskRow> added(List<TaskRow> rows) {
    if (rows.getFirst().has("label")) {
      return rows;
    }
    Path questions = rows.getFirst().file();
    String stem = questions.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    Path file = questions.resolveSibling(stem + "-labels.lst");
    List<String> labels = Utf8.read(file).lines().toList();
    if (labels.size() < rows.size()) {
      throw new InputException(
          ErrorDetails.file(file)
              .expected(
                  "a label for each question, %d".formatted(rows.size()),
                  String.valueOf(labels.size())));
    }
    List<TaskRow> labelled = new ArrayList<>();
    for (TaskRow row : rows) {
      ObjectNode content = row.content().deepCopy();
      content.put("label", labels.get(labelled.size()).strip());
      labelled.add(new TaskRow(row.file(), row.number(), content));
    }
    return labelled;
  }
}
