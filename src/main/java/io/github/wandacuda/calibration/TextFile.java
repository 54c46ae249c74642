package io.github.wandacuda.calibration;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.text.Documents;
import io.github.wandacuda.text.ParquetRows;
import io.github.wandacuda.text.TextFormat;
import io.github.wandacuda.text.Utf8;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * An open file of text: one text, or documents as C4 has them. Of Parquet the rows are documents if
 * they have C4's columns; else they are one text, as the code of Wanda makes one of WikiText's, by
 * blank lines between them.
 *
 * @param isWhole whether it is one text, and not documents
 * @param count the number of documents, or 1 for one text
 * @param texts gives a document, or the one text as the first
 * @param closing closes the file behind the documents
 */
record TextFile(boolean isWhole, int count, IntFunction<String> texts, Runnable closing)
    implements AutoCloseable {
  /** A column that C4 has and WikiText hasn't. */
  private static final String C4_COLUMN = "url";

  /**
   * Opens a file of text, not of token ids.
   *
   * @param mostDocuments the number of documents after which a Parquet file is read no further
   * @param rows whether the rows of Parquet are documents, whatever their columns
   * @throws InputException if it can't be read or isn't what its name says
   */
  static TextFile open(Path file, int mostDocuments, boolean rows) {
    return switch (TextFormat.of(file)) {
      case TOKENS -> throw new IllegalArgumentException(file + " holds token ids");
      case TEXT -> whole(Utf8.read(file));
      case PARQUET -> ofRows(file, mostDocuments, rows);
      case DOCUMENTS -> {
        Documents documents = Documents.open(file);
        yield new TextFile(false, documents.count(), documents::text, documents::close);
      }
    };
  }

  private static TextFile whole(String text) {
    return new TextFile(true, 1, document -> text, () -> {});
  }

  private static TextFile ofRows(Path file, int mostDocuments, boolean rows) {
    boolean documents =
        rows || ParquetRows.read(file, 1).stream().anyMatch(row -> row.path(C4_COLUMN).isTextual());
    List<JsonNode> found = ParquetRows.read(file, documents ? mostDocuments : Long.MAX_VALUE);
    List<String> texts =
        IntStream.range(0, found.size()).mapToObj(row -> text(file, row, found.get(row))).toList();
    return documents
        ? new TextFile(false, texts.size(), texts::get, () -> {})
        : whole(String.join("\n\n", texts));
  }

  /**
   * Returns the text column of a row of Parquet.
   *
   * @throws InputException if there is none that holds a string
   */
  private static String text(Path file, int row, JsonNode content) {
    JsonNode text = content.path("text");
    if (!text.isTextual()) {
      String columns =
          content.properties().stream().map(Map.Entry::getKey).collect(Collectors.joining(", "));
      throw ErrorDetails.part(file, "row %d".formatted(row + 1))
          .wrong("a string in the column text", "the columns " + columns);
    }
    return text.textValue();
  }

  /**
   * Returns a document, or the one text as the first.
   *
   * @param document from 0
   */
  String text(int document) {
    return texts.apply(document);
  }

  @Override
  public void close() {
    closing.run();
  }
}
