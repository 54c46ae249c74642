package io.github.wandacuda.cli.option;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Divergence;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.evaluate.TextFigures;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.estimate.GenerateNeeds;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.ModelCard;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What {@code prune --evaluate} measures of the model before and after a run: perplexity on a text,
 * how far the predictions are apart, and what both models write.
 */
public final class EvaluateOption {
  private static final int PASSES = 2;

  /** Tokens of the text's beginning, and as many new ones. */
  private static final int SAMPLE_TOKENS = 32;

  @Option(
      names = "--evaluate",
      paramLabel = "FILE",
      converter = OptionValues.TextConverter.class,
      description =
          "Measure perplexity before and after and how far the predictions are from the dense"
              + " model's, for the result and the report, on "
              + TextWindows.FORMATS
              + ".")
  private Path text;

  @Mixin private TextWindows texts;

  private EvaluationWindows windows;

  /** A model's perplexity on the text, and the tokens that it goes on with, if they can be had. */
  public record Measured(double perplexity, Optional<List<Integer>> tokens) {}

  public boolean given() {
    return text != null;
  }

  public Map<String, Object> facts() {
    return TextWindows.facts(text, windows);
  }

  private int[] beginning() {
    int[] first = windows.windows()[0];
    return Arrays.copyOf(first, Math.min(SAMPLE_TOKENS, first.length));
  }

  public void addTo(ResultFiles results) {
    results.read("--evaluate", text);
  }

  /** Cuts the text into windows, if it is given. */
  public void prepare(ModelDirectory model, OutputOptions output) {
    if (!given()) {
      output.warnIfGiven("no text is evaluated", "--windows");
    } else {
      windows = texts.of(text, OptionalInt.empty(), model, output);
      RunNeeds.requireMemory(model, windows(), RunNeeds.judgingBytes(model, windows()));
    }
  }

  public List<int[]> windows() {
    return windows == null ? List.of() : List.of(windows.windows());
  }

  /**
   * Measures a model that is pruned in place, before a run or after it.
   *
   * @param sampled whether it also goes on with the text
   */
  public Measured measure(
      ModelDirectory model,
      boolean before,
      boolean sampled,
      Backend backend,
      OutputOptions output) {
    Progress both = output.progress();
    both.begin(before ? 0 : 1.0 / PASSES);
    Progress one = before ? both.part("before, ", 0, PASSES) : both.part("after, ", 1, PASSES);
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      double perplexity = InputFile.reading(text, () -> Perplexity.of(decoder, windows(), one));
      return new Measured(perplexity, tokens(model, sampled, backend, output));
    }
  }

  /**
   * Measures what a run has written beside the model that it began with.
   *
   * @param sampled whether both also go on with the text
   */
  public Perplexities measure(
      ModelDirectory dense,
      ModelDirectory pruned,
      boolean sampled,
      Backend backend,
      OutputOptions output) {
    TextFigures figures =
        InputFile.reading(
            text,
            () ->
                TextFigures.of(
                    dense,
                    pruned,
                    windows(),
                    backend.forwards(),
                    backend.concurrency(),
                    output.progress()));
    return of(
        new Measured(figures.dense(), tokens(dense, sampled, backend, output)),
        new Measured(figures.perplexity(), tokens(pruned, sampled, backend, output)),
        Optional.of(figures.divergence()),
        dense);
  }

  /** Returns what a model that was pruned in place says before and after. */
  public Perplexities compared(Measured before, Measured after, ModelDirectory model) {
    return of(before, after, Optional.empty(), model);
  }

  private Perplexities of(
      Measured before, Measured after, Optional<Divergence> divergence, ModelDirectory model) {
    return new Perplexities(
        before.perplexity(),
        after.perplexity(),
        divergence,
        before.tokens().isPresent() && after.tokens().isPresent()
            ? Optional.of(sample(before.tokens().get(), after.tokens().get(), model))
            : Optional.empty());
  }

  /** Adds what was measured to the model card of an output. */
  public void addToCard(Perplexities both, ModelDirectory dense, Path output) {
    ModelCard.add(
        dense,
        output,
        new ModelCard.Measured(
            "%s, %d %s of %d tokens"
                .formatted(
                    text.getFileName(),
                    windows.count(),
                    windows.count() == 1 ? "window" : "windows",
                    windows.longest()),
            both.before(),
            both.after()));
  }

  /** Returns the tokens that a model goes on with, if they are wanted and can be had. */
  private Optional<List<Integer>> tokens(
      ModelDirectory model, boolean sampled, Backend backend, OutputOptions output) {
    return sampled && hasSample(model, backend, output)
        ? Optional.of(continuation(model, backend.operations()))
        : Optional.empty();
  }

  private static boolean hasSample(ModelDirectory measured, Backend backend, OutputOptions output) {
    if (!measured.tokenizer().isThere()) {
      return false;
    }
    long bytes =
        GenerateNeeds.bytes(measured, backend.operations()::multipliesSparse, 2L * SAMPLE_TOKENS);
    if (bytes > MachineFacts.availableMemory()) {
      output.detail("the report has no sample text: its weights would take %d bytes", bytes);
      return false;
    }
    return true;
  }

  private List<Integer> continuation(ModelDirectory measured, Operations operations) {
    int[] prompt = beginning();
    var family = DecoderFamilies.of(measured.config());
    int room = family.shape(measured.config()).maximumLength() - prompt.length;
    int limit = Math.max(0, Math.min(SAMPLE_TOKENS, room));
    try (Decoder decoder = family.open(measured, operations, WeightKeeping.RESIDENT);
        CachedDecoder cached = new CachedDecoder(decoder, prompt.length + limit)) {
      return Generation.run(
              cached,
              prompt,
              limit,
              Sampler.GREEDY,
              SpecialTokens.ends(measured.config()),
              id -> {})
          .tokens();
    }
  }

  private Perplexities.Sample sample(
      List<Integer> before, List<Integer> after, ModelDirectory model) {
    int[] prompt = beginning();
    try (Tokenizer tokenizer = TokenizerProcess.open(model.tokenizer())) {
      return new Perplexities.Sample(
          tokenizer.decode(prompt),
          text(tokenizer, prompt, before),
          text(tokenizer, prompt, after));
    }
  }

  private static String text(Tokenizer tokenizer, int[] prompt, List<Integer> tokens) {
    TextStream stream = new TextStream(tokenizer, prompt);
    String text = tokens.stream().map(stream::add).collect(Collectors.joining());
    return text + stream.end();
  }
}
