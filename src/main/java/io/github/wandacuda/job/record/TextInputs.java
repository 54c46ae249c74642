package io.github.wandacuda.job.record;

import io.github.wandacuda.calibration.CalibrationRequest;
import io.github.wandacuda.calibration.CalibrationSampler;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.cluster.KeptOpen;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.text.TokenizerProcess;
import java.nio.file.Path;
import java.util.OptionalInt;

/** Makes token ids of texts with the model's tokenizer, to run through the model. */
public final class TextInputs {
  private static final int DEFAULT_LENGTH = 2048;

  private TextInputs() {}

  /** Draws samples. A model without a tokenizer can take token ids. */
  public static CalibrationSamples draw(CalibrationRequest request, ModelDirectory model) {
    try (KeptOpen tokenizer = new KeptOpen()) {
      CalibrationSamples drawn =
          CalibrationSampler.sample(
              request, () -> tokenizer.get("", () -> TokenizerProcess.open(model.tokenizer())));
      requireArrays(request.file(), model, drawn.tokens()[0].length);
      return drawn;
    }
  }

  /**
   * Makes windows of a file, for perplexity: of a text, or its lists of token ids.
   *
   * @param file a text, or lists of token ids
   * @param length tokens of a text's window; 2048, or the model's maximum if that is less, unless
   *     given
   * @throws io.github.wandacuda.error.InputException if it can't be read, or is too short for a
   *     window
   */
  public static EvaluationWindows windows(Path file, OptionalInt length, ModelDirectory model) {
    DecoderShape shape = DecoderFamilies.shape(model);
    if (CalibrationSampler.takesListsInOrder(file)) {
      return EvaluationWindows.ofTokens(file, shape.vocabulary());
    }
    int tokens = length.orElse(Math.min(DEFAULT_LENGTH, shape.maximumLength()));
    EvaluationWindows.requireLength(tokens);
    InputFile.require(file);
    try (TokenizerProcess tokenizer = TokenizerProcess.open(model.tokenizer())) {
      return EvaluationWindows.ofText(file, tokenizer, tokens, shape.vocabulary());
    }
  }

  /**
   * Checks that the activations of a file's longest sequence fit into a Java array, whichever
   * module of the model they are for.
   *
   * @param file for the message
   * @param longest tokens of that sequence
   * @throws io.github.wandacuda.error.InputException if they don't
   */
  public static void requireArrays(Path file, ModelDirectory model, int longest) {
    long widest =
        model.modules().stream()
            .mapToLong(module -> module.rows() + (long) module.columns())
            .max()
            .orElse(1);
    long most = Integer.MAX_VALUE / widest;
    if (longest > most) {
      throw ErrorDetails.file(file)
          .hint("take shorter ones")
          .wrong("sequences of at most %d tokens for so wide a model".formatted(most), longest);
    }
  }
}
