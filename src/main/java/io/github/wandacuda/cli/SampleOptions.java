package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.CalibrationRequest;
import io.github.wandacuda.calibration.CalibrationSampler;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

final class SampleOptions {
  /** What samples are made of, for an option's description. */
  public static final String FORMATS =
      "Text (.txt, .raw, .jsonl, .json.gz, .jsonl.gz, .parquet), lists of token ids (.json), or c4"
          + " (once downloaded).";

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

  @Option(
      names = "--join",
      description =
          "Join documents by the end token to one stream and draw samples from that, as from a"
              + " text; for documents shorter than a sample.")
  private boolean join;

  /** Warns of options that have no effect on a draw from a file. */
  public static void warnOfIdle(Path file, OutputOptions output) {
    if (CalibrationSampler.takesListsInOrder(file)) {
      output.warnIfGiven("lists of token ids are taken in their order", "--seed");
    }
  }

  /** Warns of all these options, for a run that draws nothing. */
  static void warnOfAll(String why, OutputOptions output) {
    output.warnIfGiven(why, "--samples", "--sequence-length", "--seed", "--join");
  }

  public Calibration.FromSamples calibration(CalibrationSamples samples) {
    return Calibration.FromSamples.of(samples, seed);
  }

  public OptionalInt sequenceLength() {
    return optional(sequenceLength);
  }

  public CalibrationSamples draw(Path file, ModelDirectory model) {
    DecoderShape shape = DecoderFamilies.shape(model);
    CalibrationRequest request =
        new CalibrationRequest(
            file,
            optional(samples),
            optional(sequenceLength),
            seed,
            join ? Optional.of(tokenizer -> SpecialTokens.end(model, tokenizer)) : Optional.empty(),
            shape.maximumLength(),
            shape.vocabulary());
    try (LazyTokenizer tokenizer = new LazyTokenizer(model.path())) {
      CalibrationSamples drawn = CalibrationSampler.sample(request, tokenizer);
      RunNeeds.requireArrays(file, model, drawn.tokens()[0].length);
      return drawn;
    }
  }

  /** Prints what was drawn, with {@code --verbose}. */
  public static void say(Path file, CalibrationSamples samples, OutputOptions output) {
    output.detail(
        "%d samples of %d tokens from %s",
        samples.tokens().length, samples.tokens()[0].length, file);
  }

  private static OptionalInt optional(Integer value) {
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }

  /** A model's tokenizer, opened when first used: models without one can take token ids. */
  private static final class LazyTokenizer implements Supplier<Tokenizer>, AutoCloseable {
    private final Path modelDirectory;
    private Tokenizer tokenizer;

    LazyTokenizer(Path modelDirectory) {
      this.modelDirectory = modelDirectory;
    }

    @Override
    public Tokenizer get() {
      if (tokenizer == null) {
        tokenizer = TokenizerProcess.open(modelDirectory);
      }
      return tokenizer;
    }

    @Override
    public void close() {
      if (tokenizer != null) {
        tokenizer.close();
      }
    }
  }
}
