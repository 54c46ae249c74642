package io.github.wandacuda.library;

import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.TextInputs;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * The text that perplexity is measured on, in windows as the code of Wanda cuts them. Immutable;
 * each method returns another source.
 *
 * @param file a text (which needs {@code ai.djl.huggingface:tokenizers}), or lists of token ids in
 *     {@code .json}, each one window
 * @param length tokens of a text's window; 2048, or the model's maximum if that is less, unless
 *     given
 * @param windows how many windows are taken, the first ones; all unless given
 */
public record TextSource(Path file, OptionalInt length, OptionalInt windows) {
  /** Refuses nulls. */
  public TextSource {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(length, "length");
    Objects.requireNonNull(windows, "windows");
  }

  /**
   * Takes a whole file.
   *
   * @param file a text, or lists of token ids in {@code .json}
   * @return its windows
   */
  public static TextSource of(Path file) {
    return new TextSource(file, OptionalInt.empty(), OptionalInt.empty());
  }

  /**
   * Sets how long windows are.
   *
   * @param tokens of each window, 2 or more
   * @return such a source
   */
  public TextSource withLength(int tokens) {
    return new TextSource(file, OptionalInt.of(tokens), windows);
  }

  /**
   * Takes the first windows alone.
   *
   * @param count how many, 1 or more
   * @return such a source
   */
  public TextSource withWindows(int count) {
    return new TextSource(file, length, OptionalInt.of(count));
  }

  EvaluationWindows read(ModelDirectory model) {
    if (windows.isPresent() && windows.getAsInt() < 1) {
      throw new UsageException(
          "windows: expected at least 1, found %d".formatted(windows.getAsInt()));
    }
    EvaluationWindows all = TextInputs.windows(file, length, model);
    TextInputs.requireArrays(file, model, all.longest());
    return windows.isPresent() ? all.first(windows.getAsInt()) : all;
  }
}
