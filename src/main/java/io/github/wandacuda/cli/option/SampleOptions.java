package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibrate.CalibrationRequest;
import io.github.wandacuda.calibrate.CalibrationSampler;
import io.github.wandacuda.calibrate.CalibrationSamples;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.description.DecoderShape;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The calibration draw. */
public final class SampleOptions {
  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Calibration samples (default: 128; all lists of a .json).")
  private Integer samples;

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      description = "Tokens of a sample (default: 2048, or the model's maximum if that is less).")
  private Integer sequenceLength;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Seed of the draw, as in the code of Wanda (default: ${DEFAULT-VALUE}).")
  private long seed;

  /** Warns of options that change nothing of a draw out of a file. */
  public static void warnOfIdle(Path file, OutputOptions output) {
    if (CalibrationSampler.takesListsInOrder(file)) {
      output.warnIfGiven("lists of token ids are taken in their order", "--seed");
    }
  }

  /** Warns of all of them, where nothing is drawn. */
  static void warnOfAll(String why, OutputOptions output) {
    output.warnIfGiven(why, "--samples", "--sequence-length", "--seed");
  }

  long seed() {
    return seed;
  }

  /** Draws the samples for a model. */
  public CalibrationSamples draw(Path file, ModelDirectory model) {
    DecoderShape shape = DecoderFamilies.of(model.config()).shape(model.config());
    CalibrationRequest request =
        new CalibrationRequest(
            file,
            optional(samples),
            optional(sequenceLength),
            seed,
            shape.maximumLength(),
            shape.vocabulary());
    try (LazyTokenizer tokenizer = new LazyTokenizer(model.path())) {
      return CalibrationSampler.sample(request, tokenizer);
    }
  }

  /** Says what was drawn. */
  public static void say(Path file, CalibrationSamples samples, OutputOptions output) {
    output.detail(
        "%d samples of %d tokens from %s",
        samples.tokens().length, samples.tokens()[0].length, file);
  }

  private static OptionalInt optional(Integer value) {
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }
}
