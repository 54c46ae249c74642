package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.NamePatterns;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a process on another machine has to know of a comparison. Tokens travel, so that it needs
 * none of the files but the model's.
 */
final class ComparisonInputs implements Serializable {
  private static final long serialVersionUID = 1L;

  private final SharedSource source;
  private final String[] include;
  private final String[] exclude;
  private final int[][] samples;
  private final String samplesSha256;
  private final long seed;
  private final EvaluationWindows windows;
  private final Evaluation tasks;

  ComparisonInputs(
      ModelDirectory model,
      ModuleChoice choice,
      Calibration.FromSamples calibration,
      EvaluationWindows windows,
      Optional<Evaluation> tasks) {
    source = SharedSource.of(model);
    include = texts(choice.include());
    exclude = texts(choice.exclude());
    samples = calibration.samples().toArray(int[][]::new);
    samplesSha256 = calibration.sha256();
    seed = calibration.seed();
    this.windows = windows;
    this.tasks = tasks.orElse(null);
  }

  private static String[] texts(List<Pattern> patterns) {
    return patterns.stream().map(Pattern::pattern).toArray(String[]::new);
  }

  private static List<Pattern> patterns(String[] texts) {
    return Stream.of(texts).map(NamePatterns::compile).toList();
  }

  /**
   * Returns what differs for inputs that differ, and for devices that do.
   *
   * @param arithmetic what the last bits depend on
   */
  String key(String arithmetic, OnCluster.Devices devices) {
    return String.join(
        "\n",
        source.toString(),
        List.of(include).toString(),
        List.of(exclude).toString(),
        samplesSha256,
        windows.sha256(),
        tasks == null ? "" : tasks.sha256(),
        arithmetic,
        devices.toString());
  }

  /**
   * Opens the source.
   *
   * @throws io.github.wandacuda.error.InputException if it isn't here, or is another one
   */
  ModelDirectory openModel() {
    return source.open();
  }

  /** Prepares the comparison. */
  Comparison comparison(ModelDirectory model, Backend backend) {
    return new Comparison(
        model,
        backend,
        new ModuleChoice(patterns(include), patterns(exclude)),
        new Calibration.FromSamples(List.of(samples), samplesSha256, seed),
        windows,
        Optional.ofNullable(tasks));
  }
}
