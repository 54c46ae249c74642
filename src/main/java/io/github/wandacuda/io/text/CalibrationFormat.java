package io.github.wandacuda.io.text;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import java.util.Locale;

/** What a calibration file holds, told by its name's ending. */
public enum CalibrationFormat {
  /** One text. */
  STREAM,
  /** One JSON object with a text on each line, perhaps compressed. */
  DOCUMENTS,
  /** Lists of token ids. */
  TOKENS;

  /**
   * Returns the format of a file by its name.
   *
   * @throws UsageException if no format has its ending
   */
  public static CalibrationFormat of(Path file) {
    if (endsWith(file, ".txt")) {
      return STREAM;
    }
    if (endsWith(file, ".jsonl") || endsWith(file, ".jsonl.gz") || endsWith(file, ".json.gz")) {
      return DOCUMENTS;
    }
    if (endsWith(file, ".json")) {
      return TOKENS;
    }
    throw new UsageException(
        file
            + ": calibration data ends in .txt (one text), .jsonl, .jsonl.gz or .json.gz"
            + " (documents) or .json (token ids)");
  }

  /** Returns whether a file's name has an ending, in upper or lower case. */
  static boolean endsWith(Path file, String ending) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(ending);
  }
}
