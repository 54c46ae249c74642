package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.text.TextFormat;
import io.github.wandacuda.text.Tokenizer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.ToIntFunction;

/**
 * A request for calibration samples.
 *
 * @param file the text or the token ids; its name's ending says which
 * @param samples the number of samples, if the user gave it
 * @param sequenceLength the tokens of each sample, if the user gave it
 * @param seed the seed of the draw from a text
 * @param join gives the token by which documents are joined to one stream, from which samples are
 *     drawn; empty if each sample lies in one document
 * @param modelMaximum the longest sequence that the model takes
 * @param vocabularySize the number of tokens that the model has embeddings for
 */
public record CalibrationRequest(
    Path file,
    OptionalInt samples,
    OptionalInt sequenceLength,
    long seed,
    Optional<ToIntFunction<Tokenizer>> join,
    int modelMaximum,
    int vocabularySize) {
  private static final int DEFAULT_SAMPLES = 128;
  private static final int DEFAULT_SEQUENCE_LENGTH = 2048;

  /**
   * Checks what the user gave.
   *
   * @throws UsageException if samples or sequence length is given and below 1, the length is beyond
   *     the model's maximum, or there are no documents to join
   */
  public CalibrationRequest {
    requirePositive("`samples`", samples);
    requirePositive("`sequence-length`", sequenceLength);
    if (modelMaximum < 1 || vocabularySize < 1) {
      throw new IllegalArgumentException("a model with no positions or no tokens");
    }
    if (join.isPresent() && !TextFormat.of(file).hasDocuments()) {
      throw ErrorDetails.part(file, "`join`")
          .refused(
              "documents (.jsonl, .jsonl.gz, .json.gz, .parquet)",
              "one text, or lists of token ids");
    }
    sequenceLength.ifPresent(length -> requirePositions(length, modelMaximum));
  }

  /** Requests what is drawn unless the user says something else. */
  public static CalibrationRequest of(Path file, int modelMaximum, int vocabularySize) {
    return new CalibrationRequest(
        file,
        OptionalInt.empty(),
        OptionalInt.empty(),
        0,
        Optional.empty(),
        modelMaximum,
        vocabularySize);
  }

  public CalibrationRequest withSamples(OptionalInt count) {
    return new CalibrationRequest(
        file, count, sequenceLength, seed, join, modelMaximum, vocabularySize);
  }

  public CalibrationRequest withSequenceLength(OptionalInt tokens) {
    return new CalibrationRequest(file, samples, tokens, seed, join, modelMaximum, vocabularySize);
  }

  public CalibrationRequest withSeed(long draw) {
    return new CalibrationRequest(
        file, samples, sequenceLength, draw, join, modelMaximum, vocabularySize);
  }

  /** Returns the same of documents that are joined by the token that a function gives. */
  public CalibrationRequest joinedBy(ToIntFunction<Tokenizer> token) {
    return new CalibrationRequest(
        file, samples, sequenceLength, seed, Optional.of(token), modelMaximum, vocabularySize);
  }

  /** Returns the number of samples to draw from a text: 128 unless given. */
  public int samplesToDraw() {
    return samples.orElse(DEFAULT_SAMPLES);
  }

  /** Returns the length of samples from a text: the model's maximum up to 2048 unless given. */
  public int lengthToDraw() {
    return sequenceLength.orElse(Math.min(DEFAULT_SEQUENCE_LENGTH, modelMaximum));
  }

  private static void requirePositive(String option, OptionalInt value) {
    if (value.isPresent() && value.getAsInt() < 1) {
      throw new UsageException(option + ": expected at least 1, found " + value.getAsInt());
    }
  }

  /**
   * Checks a sequence length that the user gave. Beyond the model's positions the model would run,
   * but its results would be wrong.
   *
   * @throws UsageException if it is beyond the model's maximum
   */
  static void requirePositions(int length, int modelMaximum) {
    if (length > modelMaximum) {
      throw ErrorDetails.of("`sequence-length`")
          .refused("at most %d, the positions that the model has".formatted(modelMaximum), length);
    }
  }
}
