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
 * @param file for messages
 * @param number the row's number in it, from 1; in a file of lines, the line's
 * @param content an object
 */
record TaskRow(Path file, long number, JsonNode content) {
  private static final int MOST_KEYS = 12;

  /**
   * Reads a file's first rows: Parquet by its name {@code .parquet}, else JSON lines.
   *
   * @param limit how many at most
   * @throws InputException if it can't be read or is broken
   */
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

  /** Returns where the row stands, for messages. */
  ErrorDetails place() {
    return ErrorDetails.part(file, (isParquet(file) ? "row " : "line ") + number);
  }

  /** Returns whether the row has a value that isn't null. */
  boolean has(String key) {
    return !content.path(key).isMissingNode() && !content.path(key).isNull();
  }

  /**
   * Returns a value that isn't null.
   *
   * @throws InputException if there is none; it names the keys that are there
   */
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

  /**
   * Returns a string.
   *
   * @throws InputException if it is missing, another value, or holds half a surrogate pair
   */
  String text(String key) {
    return text(key, get(key));
  }

  /**
   * Returns a string in the row.
   *
   * @param key what messages call it by
   * @param value the string, perhaps an element of a list
   * @throws InputException if it is another value, or holds half a surrogate pair
   */
  String text(String key, JsonNode value) {
    if (!value.isTextual()) {
      throw wrong(key, "a string", value);
    }
    if (Utf8.hasLoneSurrogate(value.textValue())) {
      throw place().wrong("whole characters in " + key, "half a surrogate pair");
    }
    return value.textValue();
  }

  /**
   * Returns the strings of a list.
   *
   * @param key what messages call it by
   * @throws InputException if it isn't a list of strings
   */
  List<String> texts(String key, JsonNode list) {
    if (!list.isArray()) {
      throw wrong(key, "a list of strings", list);
    }
    return list.valueStream().map(element -> text(key, element)).toList();
  }

  /**
   * Returns the right answer's index.
   *
   * @param key of a whole number, that as a string, or a truth value, of which false is 0
   * @param choices how many answers there are
   * @throws InputException if it is something else or not below {@code choices}
   */
  int label(String key, int choices) {
    return label(key, 0, choices);
  }

  /**
   * Returns the right answer's index, where labels don't count from 0.
   *
   * @param first the label of the first answer
   * @return from 0
   * @throws InputException if there are fewer than two answers, or no such label
   */
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

  /** Checks that there are two answers or more. */
  private void requireAnswers(int choices) {
    if (choices < 2) {
      throw place().wrong("two or more answers", choices);
    }
  }

  /** Returns the failure of a value that isn't what it should be. */
  InputException wrong(String key, String expected, JsonNode found) {
    String text = found.isMissingNode() ? "nothing" : found.toString();
    return place().wrong("%s as %s".formatted(expected, key), Printable.of(text));
  }

  /**
   * Makes a document of the row, in no group.
   *
   * @param gold the right answer's index
   * @throws InputException if there are fewer than two answers, or one is empty
   */
  TaskDocument document(List<TaskDocument.Choice> choices, int gold) {
    return document(choices, gold, "");
  }

  /**
   * Makes a document of the row.
   *
   * @param gold the right answer's index
   * @param group the part of the task that it belongs to; empty for none
   * @throws InputException if there are fewer than two answers, or one is empty
   */
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
