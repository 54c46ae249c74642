package io.github.wandacuda.calibrate;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.parquet.ParquetRows;
import io.github.wandacuda.io.text.Documents;
import io.github.wandacuda.io.text.Utf8;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The text that perplexity is measured on, made of a file as the code of Wanda makes it: WikiText's
 * rows joined by blank lines; of C4 the first documents joined by spaces, and of their windows the
 * first.
 *
 * @param text the text
 * @param mostWindows windows after which no more are taken
 */
record EvaluationText(String text, int mostWindows) {
  private static final int C4_DOCUMENTS = 1100;
  private static final int C4_WINDOWS = 256;

  /** A column that C4 has and WikiText hasn't. */
  private static final String C4_COLUMN = "url";

  /**
   * Reads a file.
   *
   * @param file Parquet with a column {@code text}, whose other columns say if it is C4's;
   *     documents (.jsonl, .jsonl.gz, .json.gz), taken as C4's; or any other file, which is one
   *     text
   * @throws InputException if it can't be read or isn't what its name says
   */
  static EvaluationText read(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".parquet")) {
      return ofRows(file);
    }
    if (name.endsWith(".jsonl") || name.endsWith(".jsonl.gz") || name.endsWith(".json.gz")) {
      return ofDocuments(file);
    }
    return new EvaluationText(Utf8.read(file), Integer.MAX_VALUE);
  }

  private static EvaluationText ofRows(Path file) {
    boolean c4 =
        ParquetRows.read(file, 1).stream().anyMatch(row -> row.path(C4_COLUMN).isTextual());
    List<JsonNode> rows = ParquetRows.read(file, c4 ? C4_DOCUMENTS : Long.MAX_VALUE);
    List<String> texts =
        IntStream.range(0, rows.size()).mapToObj(row -> text(file, row, rows.get(row))).toList();
    return c4 ? c4(texts) : new EvaluationText(String.join("\n\n", texts), Integer.MAX_VALUE);
  }

  private static String text(Path file, int row, JsonNode content) {
    JsonNode text = content.path("text");
    if (!text.isTextual()) {
      String columns =
          content.properties().stream().map(Map.Entry::getKey).collect(Collectors.joining(", "));
      throw new InputException(
          ErrorDetails.file(file)
              .part("row %d".formatted(row + 1))
              .expected("a string in the column text", "the columns " + columns));
    }
    return text.textValue();
  }

  private static EvaluationText ofDocuments(Path file) {
    try (Documents documents = Documents.open(file)) {
      int count = Math.min(C4_DOCUMENTS, documents.count());
      return c4(IntStream.range(0, count).mapToObj(documents::text).toList());
    }
  }

  private static EvaluationText c4(List<String> texts) {
    return new EvaluationText(String.join(" ", texts), C4_WINDOWS);
  }
}
