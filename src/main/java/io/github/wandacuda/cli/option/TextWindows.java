package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibrate.EvaluationWindows;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.description.DecoderShape;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.tokenizer.TokenizerProcess;
import java.nio.file.Path;
import java.util.OptionalInt;

/** Cuts a text into windows as the paper's perplexity has them. */
public final class TextWindows {
  private static final int DEFAULT_LENGTH = 2048;

  private TextWindows() {}

  /**
   * Cuts a text, and warns if windows are longer than the model's positions.
   *
   * @param sequenceLength tokens of a window; 2048, or the model's maximum if that is less, unless
   *     it is given
   */
  public static EvaluationWindows of(
      Path text, OptionalInt sequenceLength, ModelDirectory model, OutputOptions output) {
    DecoderShape shape = DecoderFamilies.of(model.config()).shape(model.config());
    int length = sequenceLength.orElse(Math.min(DEFAULT_LENGTH, shape.maximumLength()));
    EvaluationWindows.requireLength(length);
    InputFile.require(text);
    try (TokenizerProcess tokenizer = TokenizerProcess.open(model.path())) {
      EvaluationWindows windows =
          EvaluationWindows.ofText(text, tokenizer, length, shape.vocabulary());
      warnIfLong(windows, shape, output);
      return windows;
    }
  }

  /** Reads lists of token ids, each a window, and warns of those that are too long. */
  public static EvaluationWindows ofTokens(
      Path tokens, ModelDirectory model, OutputOptions output) {
    DecoderShape shape = DecoderFamilies.of(model.config()).shape(model.config());
    EvaluationWindows windows = EvaluationWindows.ofTokens(tokens, shape.vocabulary());
    warnIfLong(windows, shape, output);
    return windows;
  }

  private static void warnIfLong(
      EvaluationWindows windows, DecoderShape shape, OutputOptions output) {
    if (windows.longest() > shape.maximumLength()) {
      output.warn(
          "a window of %d tokens is longer than the model's %d positions: beyond them it was never"
                  .formatted(windows.longest(), shape.maximumLength())
              + " trained, and its perplexity says little");
    }
  }
}
