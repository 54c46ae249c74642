package io.github.wandacuda.calibration;

import io.github.wandacuda.error.InputException;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The text that perplexity is measured on, made of a file as the code of Wanda makes it: of
 * documents the first, joined by spaces, and of their windows the first.
 *
 * @param text the text
 * @param mostWindows windows after which no more are taken
 */
record EvaluationText(String text, int mostWindows) {
  private static final int C4_DOCUMENTS = 1100;
  private static final int C4_WINDOWS = 256;

  /**
   * Reads a file of text.
   *
   * @throws InputException if it can't be read or isn't what its name says
   */
  static EvaluationText read(Path file) {
    try (TextFile in = TextFile.open(file, C4_DOCUMENTS, false)) {
      String text =
          IntStream.range(0, Math.min(C4_DOCUMENTS, in.count()))
              .mapToObj(in::text)
              .collect(Collectors.joining(" "));
      return new EvaluationText(text, in.isWhole() ? Integer.MAX_VALUE : C4_WINDOWS);
    }
  }
}
