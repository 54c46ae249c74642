package io.github.wandacuda.text;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What a file of text holds, told by the ending of its name. Everything that takes text goes by
 * this one rule.
 */
public enum TextFormat {
  /** Lists of token ids. */
  TOKENS,
  /** One JSON object with a text on each line, perhaps compressed. */
  DOCUMENTS,
  /** Rows with a text each. */
  PARQUET,
  /** One text, whatever else its name ends in. */
  TEXT;

  private static final String NO_TEXT =
      ".*\\.(gz|zst|bz2|xz|lz4|zip|7z|tar|pdf|docx?|odt|epub|arrow|safetensors|gguf|bin|pt|npz)";

  /**
   * Returns the format of a file by its name; the file needn't be there.
   *
   * @throws UsageException if its ending is that of no text, as {@code .zip} or {@code .pdf}
   */
  public static TextFormat of(Path file) {
    if (endsWith(file, ".json")) {
      return TOKENS;
    }
    if (endsWith(file, ".jsonl") || endsWith(file, ".jsonl.gz") || endsWith(file, ".json.gz")) {
      return DOCUMENTS;
    }
    if (endsWith(file, ".parquet")) {
      return PARQUET;
    }
    if (lowerCase(file).matches(NO_TEXT)) {
      throw new UsageException(
          file
              + ": text ends in .txt or .raw (one text), .jsonl, .jsonl.gz or .json.gz (documents),"
              + " .parquet (rows) or .json (token ids)");
    }
    return TEXT;
  }

  /** Returns whether a file of this format may hold several texts. */
  public boolean hasDocuments() {
    return this == DOCUMENTS || this == PARQUET;
  }

  /**
   * Returns whether a file's name has an ending, in upper or lower case.
   *
   * @param ending in lower case
   */
  static boolean endsWith(Path file, String ending) {
    return lowerCase(file).endsWith(ending);
  }

  private static String lowerCase(Path file) {
    return file.toString().toLowerCase(Locale.ROOT);
  }
}
