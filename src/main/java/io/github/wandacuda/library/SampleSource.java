package io.github.wandacuda.library;

import io.github.wandacuda.calibration.CalibrationRequest;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.TextInputs;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where calibration samples come from: token ids of the program's own, or a text. Immutable; each
 * method returns another source.
 *
 * <p>A text is cut by the model's tokenizer, for which a program adds {@code
 * ai.djl.huggingface:tokenizers} to its dependencies.
 */
public final class SampleSource {
  private final List<int[]> tokens;
  private final Path file;
  private final OptionalInt count;
  private final OptionalInt length;
  private final long seed;
  private final boolean joined;

  private SampleSource(
      List<int[]> tokens,
      Path file,
      OptionalInt count,
      OptionalInt length,
      long seed,
      boolean joined) {
    this.tokens = tokens;
    this.file = file;
    this.count = count;
    this.length = length;
    this.seed = seed;
    this.joined = joined;
  }

  /**
   * Takes token ids.
   *
   * @param tokens lists of one length, at least one
   * @return these samples
   */
  public static SampleSource of(List<int[]> tokens) {
    return new SampleSource(
        List.copyOf(tokens), null, OptionalInt.empty(), OptionalInt.empty(), 0, false);
  }

  /**
   * Takes a file: a text, from which samples are drawn, or lists of token ids.
   *
   * @param file in {@code .txt}, {@code .raw}, {@code .jsonl}, {@code .json.gz}, {@code .jsonl.gz},
   *     {@code .parquet}, or {@code .json} for lists of token ids
   * @return 128 samples of 2048 tokens, or of the model's maximum if that is less; of a {@code
   *     .json} all lists
   */
  public static SampleSource file(Path file) {
    return new SampleSource(
        List.of(),
        Objects.requireNonNull(file, "file"),
        OptionalInt.empty(),
        OptionalInt.empty(),
        0,
        false);
  }

  /**
   * Sets how many samples are drawn.
   *
   * @param samples 1 or more
   * @return such a source
   */
  public SampleSource count(int samples) {
    return new SampleSource(tokens, file, OptionalInt.of(samples), length, seed, joined);
  }

  /**
   * Sets how long samples are.
   *
   * @param sampleTokens of each sample, at most the positions that the model has
   * @return such a source
   */
  public SampleSource length(int sampleTokens) {
    return new SampleSource(tokens, file, count, OptionalInt.of(sampleTokens), seed, joined);
  }

  /**
   * Sets the seed of the draw.
   *
   * @param draws as in the code of Wanda; 0 by default
   * @return such a source
   */
  public SampleSource seed(long draws) {
    return new SampleSource(tokens, file, count, length, draws, joined);
  }

  /**
   * Says whether documents are joined by the end token to one stream, for documents that are
   * shorter than a sample.
   *
   * @param documentsJoined whether to; false by default
   * @return such a source
   */
  public SampleSource joined(boolean documentsJoined) {
    return new SampleSource(tokens, file, count, length, seed, documentsJoined);
  }

  /** Returns the file, of samples that come from one. */
  Optional<Path> path() {
    return Optional.ofNullable(file);
  }

  CalibrationSamples draw(ModelDirectory model) {
    DecoderShape shape = DecoderFamilies.shape(model);
    if (file != null) {
      CalibrationRequest request =
          CalibrationRequest.of(file, shape.maximumLength(), shape.vocabulary())
              .withSamples(count)
              .withSequenceLength(length)
              .withSeed(seed);
      return TextInputs.draw(
          joined ? request.joinedBy(tokenizer -> SpecialTokens.end(model, tokenizer)) : request,
          model);
    }
    if (tokens.isEmpty() || count.isPresent() || length.isPresent() || joined) {
      throw new UsageException(
          "samples: expected one or more lists of token ids, without count, length and joined");
    }
    return CalibrationSamples.of(tokens, shape.maximumLength(), shape.vocabulary());
  }

  Calibration.FromSamples calibration(ModelDirectory model) {
    return Calibration.FromSamples.of(draw(model), seed);
  }
}
