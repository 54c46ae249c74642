package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.CalibrationSampler;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.OptionValues;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.SampleOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.cli.option.TextWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.TextFigures;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures how well a model predicts a text or lists of tokens. */
@Command(
    name = "perplexity",
    description =
        "Measures a model's perplexity on a text, as the code of Wanda does on WikiText-2.",
    footer = {"  wanda-cuda perplexity --model org/model --text wikitext2"})
final class PerplexityCommand extends Subcommand {
  @Mixin private TextModelOption model;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      converter = OptionValues.TextConverter.class,
      description = "What it is measured on: " + TextWindows.FORMATS + ".")
  private Path text;

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = "Lists of token ids, each one window, in a file of any name.")
  private Path tokens;

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      description = "Tokens of a window (default: 2048, or the model's maximum if that is less).")
  private Integer sequenceLength;

  @Option(
      names = "--dense",
      paramLabel = "DIR",
      description =
          "The model that it was made of: also measure how far the predictions are from that one's.")
  private String givenDense;

  @Mixin private TextWindows texts;
  @Mixin private BackendOptions backends;

  @Override
  public void run() {
    backends.check();
    output.exclude("--text", "--tokens");
    if (text == null && tokens == null) {
      throw new UsageException("perplexity needs --text FILE or --tokens FILE");
    }
    if (sequenceLength != null && (tokens != null || CalibrationSampler.takesListsInOrder(text))) {
      throw new UsageException(
          "--sequence-length goes with text; of token ids each list is a window");
    }
    try (ModelDirectory directory = model.open(output)) {
      EvaluationWindows windows = windows(directory);
      output.detail("%d windows, %d tokens", windows.count(), windows.tokens());
      if (givenDense != null) {
        judge(directory, windows);
        return;
      }
      RunNeeds.requireMemory(directory, List.of(windows.windows()), 0);
      try (Backend backend = backends.open(output);
          Decoder decoder = DecoderFamilies.open(directory, backend.forwards())) {
        List<int[]> lists = List.of(windows.windows());
        double perplexity =
            InputFile.reading(file(), () -> Perplexity.of(decoder, lists, output.progress()));
        print(perplexity, Optional.empty(), windows);
      }
    }
  }

  /** Measures the model beside the dense one. */
  private void judge(ModelDirectory directory, EvaluationWindows windows) {
    List<int[]> lists = List.of(windows.windows());
    try (ModelDirectory dense = ModelOption.open(givenDense, model.family(), output)) {
      TextFigures.requireSameVocabulary(dense, directory);
      RunNeeds.requireMemory(directory, lists, RunNeeds.judgingBytes(dense, lists));
      try (Backend backend = backends.open(output)) {
        TextFigures figures =
            InputFile.reading(
                file(),
                () ->
                    TextFigures.of(
                        dense,
                        directory,
                        lists,
                        backend.forwards(),
                        backend.concurrency(),
                        output.progress()));
        print(figures.perplexity(), Optional.of(figures), windows);
      }
    }
  }

  private Path file() {
    return tokens == null ? text : tokens;
  }

  private EvaluationWindows windows(ModelDirectory directory) {
    return tokens != null
        ? texts.ofTokens(tokens, directory, output)
        : texts.of(text, SampleOptions.optional(sequenceLength), directory, output);
  }

  private void print(double perplexity, Optional<TextFigures> beside, EvaluationWindows windows) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("perplexity", perplexity);
    beside.ifPresent(
        figures -> {
          object.put("dense_perplexity", figures.dense());
          TextFigures.add(figures.divergence(), object);
        });
    object.put("windows", windows.count());
    object.put("tokens", windows.tokens());
    object.put("sequence_length", windows.longest());
    output.result(
        object,
        () ->
            Stream.concat(
                OutputOptions.lines(
                    "perplexity %.4f over %d windows of %s%d tokens",
                    perplexity,
                    windows.count(),
                    windows.tokens() < (long) windows.count() * windows.longest() ? "at most " : "",
                    windows.longest()),
                beside.stream()
                    .map(
                        figures ->
                            "dense %.4f; %s"
                                .formatted(
                                    figures.dense(), TextFigures.text(figures.divergence())))));
  }
}
