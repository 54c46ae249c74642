package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The option to measure perplexity before and after a run. */
final class EvaluateOption {
  private static final int PASSES = 2;

  @Option(
      names = "--evaluate",
      paramLabel = "FILE",
      description =
          "Measure perplexity before and after, for the result and the report, on "
              + TextWindows.FORMATS
              + ".")
  private Path text;

  @Mixin private WindowsOption most;

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
    if (!given()) {
      output.warnIfGiven("no text is evaluated", "--windows");
    } else {
      windows = most.of(TextWindows.of(text, OptionalInt.empty(), model, output));
      RunNeeds.requireMemory(model, windows(), 0);
    }
  }

  /** Returns the text's windows, none if there is no text. */
  public List<int[]> windows() {
    return windows == null ? List.of() : List.of(windows.windows());
  }

  /**
   * Returns a model's perplexity.
   *
   * @param before whether another one's follows after the run, which takes as long
   */
  public double perplexity(
      ModelDirectory model, boolean before, Backend backend, OutputOptions output) {
    Progress both = output.progress();
    both.begin(before ? 0 : 1.0 / PASSES);
    Progress one = before ? both.part("before, ", 0, PASSES) : both.part("after, ", 1, PASSES);
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      return Perplexity.of(decoder, backend.operations(), windows(), one);
    }
  }
}
