package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.evaluate.TaskDocument.Choice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A task whose requests are written out: on each line {@code {"context": "…", "continuations":
 * ["…", "…"], "gold": 0}}, where a list as context has an entry for each continuation.
 */
final class GenericTask {
  private static final String ENDING = ".jsonl";

  private GenericTask() {}

  static boolean isOne(String name) {
    return name.endsWith(ENDING);
  }

  /**
   * Reads the task; its name is the file's without the ending.
   *
   * @throws InputException if the file can't be read, is broken or empty
   */
  static Task read(Path file, long limit) {
    List<TaskDocument> documents =
        TaskRow.read(file, limit).stream().map(GenericTask::document).toList();
    if (documents.isEmpty()) {
      throw ErrorDetails.file(file).wrong("a document on each line", "none");
    }
    String name = file.getFileName().toString();
    return new Task(
        name.substring(0, name.length() - ENDING.length()), true, documents, List.of(file), null);
  }

  private static TaskDocument document(TaskRow row) {
    List<String> continuations = row.texts("continuations", row.get("continuations"));
    List<String> contexts = contexts(row, continuations.size());
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < continuations.size(); i++) {
      choices.add(new Choice(contexts.get(i), continuations.get(i), length(continuations.get(i))));
    }
    if (!row.get("gold").isIntegralNumber()) {
      throw row.wrong("gold", "a whole number", row.get("gold"));
    }
    return row.document(choices, row.label("gold", choices.size()));
  }

  private static List<String> contexts(TaskRow row, int continuations) {
    JsonNode context = row.get("context");
    if (!context.isArray()) {
      return Collections.nCopies(continuations, row.text("context"));
    }
    List<String> contexts = row.texts("context", context);
    if (contexts.size() != continuations) {
      throw row.place()
          .wrong("as many contexts as continuations, %d".formatted(continuations), contexts.size());
    }
    return contexts;
  }

  /** The space before an answer doesn't count, as it doesn't in the other tasks. */
  private static int length(String continuation) {
    boolean space = continuation.length() > 1 && continuation.startsWith(" ");
    return PythonText.length(continuation) - (space ? 1 : 0);
  }
}
