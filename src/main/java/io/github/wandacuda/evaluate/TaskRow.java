package io.github.wandacuda.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.text.JsonLines;
import io.github.wandacuda.text.ParquetRows;
import io.github.wandacuda.text.Utf8;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A row of a task's file, with errors that name the file, the row, what was expected and found.
 *
 * @param number the row's number in it, from 1; in a file of lines, the line's
 * @param content an object
 */
record TaskRow(Path file, long number, JsonNode content) {
  private static final int MOST_KEYS = 12;

  /** Reads a file's first rows: Parquet by its name {@code .parquet}, else JSON lines. */
  static List<TaskRow> read(Path file, long limit) {
    List<TaskRow> rows = new ArrayList<>();
    if (isParquet(file)) {
      for (JsonNode row : ParquetRows.read(file, limit)) {
        rows.add(new TaskRow(file, rows.size() + 1, row));
      }
    } else {
      JsonLines.read(file, limit).forEach((line, row) -> rows.add(new TaskRow(file, line, row)));
    }
    return rows;
  }

  static boolean isParquet(Path file) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(".parquet");
  }

  ErrorDetails place() {
    return ErrorDetails.part(file, (isParquet(file) ? "row " : "line ") + number);
  }

  boolean has(String key) {
    return !content.path(key).isMissingNode() && !content.path(key).isNull();
  }

  JsonNode get(String key) {
    if (!has(key)) {
      throw place().wrong("a column or key %s".formatted(key), keys());
    }
    return content.get(key);
  }

  private String keys() {
    String names =
        content.properties().stream()
            .limit(MOST_KEYS)
            .map(
                entry ->
                    Printable.of(entry.getKey()) + (entry.getValue().isNull() ? " (null)" : ""))
            .collect(Collectors.joining(", "));
    return names.isEmpty() ? "none" : names;
  }

  String text(String key) {
    return text(key, get(key));
  }

  /** Returns an element's text; messages call it by the key. */
  String text(String key, JsonNode value) {
    if (!value.isTextual()) {
      throw wrong(key, "a string", value);
    }
    if (Utf8.hasLoneSurrogate(value.textValue())) {
      throw place().wrong("whole characters in " + key, "half a surrogate pair");
    }
    return value.textValue();
  }

  List<String> texts(String key, JsonNode list) {
    if (!list.isArray()) {
      throw wrong(key, "a list of strings", list);
    }
    return list.valueStream().map(element -> text(key, element)).toList();
  }

  /** Returns the right answer's index: a whole number, that as a string, or a truth value. */
  int label(String key, int choices) {
    return label(key, 0, choices);
  }

  /** Does what {@link #label(String, int)} does, for labels that count from {@code first}. */
  int label(String key, int first, int choices) {
    JsonNode value = get(key);
    int label = -1;
    if (value.isBoolean()) {
      label = value.booleanValue() ? 1 : 0;
    } else if (value.isIntegralNumber() && value.canConvertToInt()) {
      label = value.intValue();
    } else if (value.isTextual() && value.textValue().matches("[0-9]{1,4}")) {
      label = Integer.parseInt(value.textValue());
    }
    requireAnswers(choices);
    if (label < first || label >= first + choices) {
      throw wrong(key, "a number from %d to %d".formatted(first, first + choices - 1), value);
    }
    return label - first;
  }

  private void requireAnswers(int choices) {
    if (choices < 2) {
      throw place().wrong("two or more answers", choices);
    }
  }

  InputException wrong(String key, String expected, JsonNode found) {
    String text = found.isMissingNode() ? "nothing" : found.toString();
    return place().wrong("%s as %s".formatted(expected, key), Printable.of(text));
  }

  /** Makes a document of the row; refuses fewer than two answers, or an empty one. */
  TaskDocument document(List<TaskDocument.Choice> choices, int gold) {
    return document(choices, gold, "");
  }

  /** Does what {@link #document(List, int)} does, as a part of a group. */
  TaskDocument document(List<TaskDocument.Choice> choices, int gold, String group) {
    requireAnswers(choices.size());
    for (TaskDocument.Choice choice : choices) {
      if (choice.length() == 0 || choice.continuation().isEmpty()) {
        throw place()
            .wrong(
                "answers that aren't empty",
                "answer %d empty".formatted(choices.indexOf(choice) + 1));
      }
    }
    return new TaskDocument(place().line(), choices, gold, group);
  }
}
