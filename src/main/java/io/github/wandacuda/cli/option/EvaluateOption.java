package io.github.wandacuda.cli.option;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.EvaluationWindows;
import io.github.wandacuda.calibrate.Perplexity;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The option to measure perplexity before and after a run. */
public final class EvaluateOption {
  @Option(
      names = "--evaluate",
      paramLabel = "FILE",
      description =
          "Measure perplexity before and after, for the result and the report, on "
              + TextWindows.FORMATS
              + ".")
  private Path text;

  private EvaluationWindows windows;

  /** Returns whether it is given. */
  public boolean given() {
    return text != null;
  }

  /** Returns the text and its windows by the names that reports have. */
  public Map<String, Object> facts() {
    return TextWindows.facts(text, windows);
  }

  /** Returns the tokens that the text begins with, at most so many. */
  public int[] beginning(int most) {
    int[] first = windows.windows()[0];
    return Arrays.copyOf(first, Math.min(most, first.length));
  }

  /** Adds the file that the run reads. */
  public void addTo(ResultFiles results) {
    results.read("--evaluate", text);
  }

  /** Cuts the text into windows, if it is given. */
  public void prepare(ModelDirectory model, OutputOptions output) {
    if (given()) {
      windows = TextWindows.of(text, OptionalInt.empty(), model, output);
      RunNeeds.requireMemory(model, windows());
    }
  }

  /** Returns the text's windows, none if there is no text. */
  public List<int[]> windows() {
    return windows == null ? List.of() : List.of(windows.windows());
  }

  /** Returns a model's perplexity. */
  public double perplexity(ModelDirectory model, Backend backend, OutputOptions output) {
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      return Perplexity.of(decoder, backend.operations(), windows(), output.progress());
    }
  }
}
