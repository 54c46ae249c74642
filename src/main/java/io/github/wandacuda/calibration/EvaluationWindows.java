package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The windows of token ids over which perplexity is averaged.
 *
 * @param windows the token ids of each, not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared
public record EvaluationWindows(int[][] windows) implements Serializable {
  /** The fewest tokens in which one predicts another. */
  private static final int SHORTEST = 2;

  /** More positions than any model has. */
  private static final int LONGEST = 1 << 24;

  private static final int C4_DOCUMENTS = 1100;
  private static final int C4_WINDOWS = 256;

  /**
   * Cuts a text into windows: it is one string, tokenized once, and the tokens behind the last full
   * window are dropped.
   *
   * @param file the text, UTF-8; or WikiText or C4 in the files of the Hugging Face hub, made one
   *     text as the code of Wanda does it
   * @param tokenizer the model's tokenizer
   * @param length tokens of each window
   * @param vocabularySize the number of tokens that the model has embeddings for
   * @throws InputException if the file can't be read, isn't UTF-8, has fewer tokens than one
   *     window, or ids that the model doesn't know
   * @throws UsageException as {@link #requireLength} does
   */
  public static EvaluationWindows ofText(
      Path file, Tokenizer tokenizer, int length, int vocabularySize) {
    requireLength(length);
    int[] tokens;
    int most;
    // Of documents the code of Wanda takes the first, joined by spaces, and their first windows.
    try (TextFile in = TextFile.open(file, C4_DOCUMENTS, false)) {
      tokens =
          tokenizer.encode(
              IntStream.range(0, Math.min(C4_DOCUMENTS, in.count()))
                  .mapToObj(in::text)
                  .collect(Collectors.joining(" ")));
      most = in.isWhole() ? Integer.MAX_VALUE : C4_WINDOWS;
    }
    if (tokens.length < length) {
      throw ErrorDetails.file(file)
          .hint("take a longer text, or a smaller `sequence-length`")
          .wrong("a text of at least %d tokens, one window".formatted(length), tokens.length);
    }
    TokenLists.requireKnown(
        vocabularySize, tokens, ErrorDetails.part(file, "tokenized by " + tokenizer.source()));
    List<int[]> windows = new ArrayList<>();
    for (int start = 0; start <= tokens.length - length && windows.size() < most; start += length) {
      windows.add(Arrays.copyOfRange(tokens, start, start + length));
    }
    return new EvaluationWindows(windows.toArray(int[][]::new));
  }

  /**
   * Checks the length of a window: with one token nothing is predicted.
   *
   * @throws UsageException if it is below 2 or longer than any model's positions
   */
  public static void requireLength(int length) {
    if (length < SHORTEST || length > LONGEST) {
      throw new UsageException(
          "`sequence-length`: expected at %s, found %d"
              .formatted(length < SHORTEST ? "least " + SHORTEST : "most " + LONGEST, length));
    }
  }

  /**
   * Reads windows that are token ids already.
   *
   * @param file a JSON list of lists of token ids, each a window; they may differ in length
   * @param vocabularySize the number of tokens that the model has embeddings for
   * @throws InputException if the file can't be read or isn't such a list, has no window, one of
   *     fewer than 2 ids, or ids that the model doesn't know
   */
  public static EvaluationWindows ofTokens(Path file, int vocabularySize) {
    List<int[]> windows = TokenLists.read(file, Integer.MAX_VALUE);
    if (windows.isEmpty()) {
      throw ErrorDetails.file(file).wrong("lists of token ids", "none");
    }
    for (int i = 0; i < windows.size(); i++) {
      int[] window = windows.get(i);
      if (window.length < SHORTEST) {
        throw ErrorDetails.part(file, "list %d".formatted(i + 1))
            .wrong("at least %d token ids".formatted(SHORTEST), window.length);
      }
      TokenLists.requireKnown(vocabularySize, window, ErrorDetails.file(file));
    }
    return new EvaluationWindows(windows.toArray(int[][]::new));
  }

  /** Returns the first windows, at most so many. */
  public EvaluationWindows first(int most) {
    return new EvaluationWindows(Arrays.stream(windows).limit(most).toArray(int[][]::new));
  }

  /**
   * Returns what tells these windows from others: the {@link CalibrationSamples#digest} of their
   * ids.
   */
  public String sha256() {
    return CalibrationSamples.digest(windows);
  }

  /** Returns the number of windows. */
  public int count() {
    return windows.length;
  }

  /** Returns the number of tokens in all windows. */
  public long tokens() {
    return Arrays.stream(windows).mapToLong(window -> window.length).sum();
  }

  /** Returns the number of tokens of the longest window. */
  public int longest() {
    return Arrays.stream(windows).mapToInt(window -> window.length).max().orElseThrow();
  }
}
