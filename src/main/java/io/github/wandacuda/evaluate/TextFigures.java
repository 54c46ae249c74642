package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.DenseReference;
import io.github.wandacuda.calibration.Divergence;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.Workers;
import java.util.List;
import java.util.Map;

/**
 * What a text says of a model and the dense model that it was made of.
 *
 * @param dense the dense model's perplexity
 * @param perplexity the model's
 * @param divergence of the model's predictions from the dense one's
 */
public record TextFigures(double dense, double perplexity, Divergence divergence) {
  private static final int MODELS = 2;

  /**
   * Runs both models over windows of a text.
   *
   * @param windows token ids, at least one
   * @param forwards the devices that run the models
   * @param threads compare predictions
   * @throws io.github.wandacuda.error.InputException if the models have different vocabularies, or
   *     a loss isn't finite
   */
  public static TextFigures of(
      ModelDirectory dense,
      ModelDirectory model,
      List<int[]> windows,
      List<Operations> forwards,
      int threads,
      Progress progress) {
    requireSameVocabulary(dense, model);
    progress.begin(0);
    try (Decoder first = DecoderFamilies.open(dense, forwards);
        DenseReference reference =
            DenseReference.of(first, windows, progress.part("dense, ", 0, MODELS));
        Decoder other = DecoderFamilies.open(model, forwards);
        Workers workers = new Workers(threads)) {
      DenseReference.Judged judged = reference.judge(other, workers, progress.part("", 1, MODELS));
      return new TextFigures(reference.perplexity(), judged.perplexity(), judged.divergence());
    }
  }

  /**
   * Checks that two models predict the same tokens.
   *
   * @throws io.github.wandacuda.error.InputException if one knows more tokens than the other
   */
  public static void requireSameVocabulary(ModelDirectory dense, ModelDirectory model) {
    int expected = DecoderFamilies.shape(dense).vocabulary();
    int found = DecoderFamilies.shape(model).vocabulary();
    if (found != expected) {
      throw ErrorDetails.file(model.path())
          .wrong("the vocabulary of %s, %d tokens".formatted(dense.path(), expected), found);
    }
  }

  /** Adds how far the model's predictions are from the dense one's, by the names of results. */
  public static void add(Divergence divergence, Map<String, Object> object) {
    object.put("kl", divergence.kl());
    object.put("top1_agreement", divergence.top1Agreement());
  }

  /** Returns the same for a person. */
  public static String text(Divergence divergence) {
    return "KL %.5f nats to the dense model, the same first token at %.2f %% of positions"
        .formatted(divergence.kl(), 100 * divergence.top1Agreement());
  }
}
