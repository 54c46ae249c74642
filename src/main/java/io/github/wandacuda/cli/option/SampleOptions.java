package io.github.wandacuda.cli.option;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.CalibrationRequest;
import io.github.wandacuda.calibration.CalibrationSampler;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.OwnSamples;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.job.estimate.GenerateNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.TextInputs;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.text.TokenLists;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/**
 * Which samples calibrate a run: the text that they are cut from, how many, how long, by which
 * seed.
 */
public final class SampleOptions {
  /** What samples are made of, for an option's description. */
  public static final String FORMATS =
      "Text (.txt, .raw, .jsonl, .json.gz, .jsonl.gz, .parquet), lists of token ids (.json), c4"
          + " (once downloaded), or self: the model writes its samples.";

  static final String SAVE = "--save-calibration";
  private static final Path SELF = Path.of("self");

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

  @Option(
      names = SAVE,
      paramLabel = "FILE",
      description = "Also write the samples, as a .json that --calibration takes.")
  private Path saved;

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

  /** Adds the file that samples are saved to; a run without samples has none to save. */
  public void addTo(ResultFiles results, boolean sampled) {
    if (saved != null && !(sampled && CalibrationSampler.takesListsInOrder(saved))) {
      throw new UsageException(
          SAVE + (sampled ? ": expected a name in .json, found " + saved : " needs samples"));
    }
    results.add(SAVE, saved, TokenLists::areIn);
  }

  public static void save(ResultFiles results, List<int[]> samples) {
    results.write(SAVE, out -> out.write(new ObjectMapper().writeValueAsBytes(samples)));
  }

  /**
   * Draws samples of a file, or has the model write them.
   *
   * @param dry whether nothing needs to be known of them but how many they are
   */
  public CalibrationSamples draw(
      Path file, ModelDirectory model, BackendOptions backends, boolean dry, OutputOptions output) {
    DecoderShape shape = DecoderFamilies.shape(model);
    CalibrationRequest request =
        CalibrationRequest.of(file, shape.maximumLength(), shape.vocabulary())
            .withSamples(optional(samples))
            .withSequenceLength(optional(sequenceLength))
            .withSeed(seed);
    if (join) {
      request = request.joinedBy(tokenizer -> SpecialTokens.end(model, tokenizer));
    }
    if (file.equals(SELF) && !Files.exists(file)) {
      int count = request.samplesToDraw();
      int length = request.lengthToDraw();
      HeapBudget.requireSamples(count, length);
      TextInputs.requireArrays(file, model, length);
      if (dry) {
        output.say("what the model takes to write its samples is not in the plan");
      }
      return new CalibrationSamples(
          dry ? new int[count][length] : own(model, backends, count, length, output), false);
    }
    return TextInputs.draw(request, model);
  }

  private int[][] own(
      ModelDirectory model, BackendOptions backends, int count, int length, OutputOptions output) {
    try (Backend backend = backends.choose().backend()) {
      Operations operations = backend.operations();
      SpaceCheck.requireMemory(
          GenerateNeeds.bytes(model, operations::multipliesSparse, length),
          "its weights and cache stay in memory while it writes its samples");
      output.say(
          "the model writes %d samples of %d tokens itself, on %s%s"
              .formatted(
                  count,
                  length,
                  backend.name(),
                  SpecialTokens.begin(model.config()).isPresent()
                      ? ""
                      : ": the first of each is drawn, as its config names no bos_token_id"));
      return OwnSamples.write(model, operations, count, length, seed, output.progress());
    }
  }

  /** Prints what was drawn, with {@code --verbose}. */
  public static void say(Path file, CalibrationSamples samples, OutputOptions output) {
    output.detail(
        "%d samples of %d tokens from %s",
        samples.tokens().length, samples.tokens()[0].length, file);
  }

  public static OptionalInt optional(Integer value) {
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }
}
