package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * Reads small files of comma-separated values (RFC 4180): a value may stand in quotes, and then has
 * commas, line ends and doubled quotes in it. Blank lines don't count, and there is no header.
 */
public final class CsvRows {
  private final Path file;
  private final String text;
  private int at;
  private int line = 1;

  private CsvRows(Path file) {
    this.file = file;
    text = Utf8.read(file);
    at = text.startsWith("\ufeff") ? 1 : 0;
  }

  /**
   * Reads a file.
   *
   * @return the values of each row, by the number of the line that it begins on, from 1
   * @throws InputException if it can't be read, isn't UTF-8, or has a quote in the wrong place
   */
  public static SequencedMap<Integer, List<String>> read(Path file) {
    CsvRows reading = new CsvRows(file);
    SequencedMap<Integer, List<String>> rows = new LinkedHashMap<>();
    while (reading.at < reading.text.length()) {
      int begin = reading.line;
      List<String> row = reading.row();
      if (row.size() > 1 || !row.getFirst().isBlank()) {
        rows.put(begin, row);
      }
    }
    return rows;
  }

  private List<String> row() {
    List<String> values = new ArrayList<>();
    values.add(value());
    while (is(',')) {
      at++;
      values.add(value());
    }
    if (is('\r')) {
      at++;
    }
    if (is('\n')) {
      at++;
      line++;
    }
    return values;
  }

  private boolean is(char expected) {
    return at < text.length() && text.charAt(at) == expected;
  }

  private String value() {
    return is('"') ? quoted() : plain();
  }

  private String plain() {
    int begin = at;
    while (at < text.length() && !is(',') && !is('\n') && !isLineEnd()) {
      at++;
    }
    return text.substring(begin, at);
  }

  /** Returns whether a carriage return stands here that belongs to the line's end. */
  private boolean isLineEnd() {
    return is('\r') && (at + 1 == text.length() || text.charAt(at + 1) == '\n');
  }

  private String quoted() {
    int begin = line;
    StringBuilder value = new StringBuilder();
    at++;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '"' && !is('"')) {
        requireEnd();
        return value.toString();
      }
      if (c == '"') {
        at++;
      }
      line += c == '\n' ? 1 : 0;
      value.append(c);
    }
    throw ErrorDetails.part(file, "line " + begin)
        .wrong("a quote at the value's end", "the file's end");
  }

  private void requireEnd() {
    if (at < text.length() && !is(',') && !is('\n') && !isLineEnd()) {
      throw ErrorDetails.part(file, "line " + line)
          .wrong("a comma or the line's end after a quote", "something else");
    }
  }
}
