package io.github.wandacuda.cli.option;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.EvaluationWindows;
import io.github.wandacuda.calibrate.Perplexity;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.List;
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

  private List<int[]> windows = List.of();

  /** Returns whether it is given. */
  public boolean given() {
    return text != null;
  }

  /** Adds the file that the run reads. */
  public void addTo(ResultFiles results) {
    results.read("--evaluate", text);
  }

  /** Cuts the text into windows, if it is given. */
  public void prepare(ModelDirectory model, OutputOptions output) {
    if (given()) {
      EvaluationWindows cut = TextWindows.of(text, OptionalInt.empty(), model, output);
      windows = List.of(cut.windows());
      RunNeeds.requireMemory(model, windows);
    }
  }

  /** Returns the text's windows, none if there is no text. */
  public List<int[]> windows() {
    return windows;
  }

  /** Returns a model's perplexity. */
  public double perplexity(ModelDirectory model, Backend backend, OutputOptions output) {
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      return Perplexity.of(decoder, backend.operations(), windows, output.progress());
    }
  }
}
