package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.families.SecondSizes.Second;
import io.github.wandacuda.families.reference.ReferenceModel;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Pruning;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * A model of second sizes on one backend: what an independent float64 implementation computes for
 * it, and the masks that the scalar code gives it.
 */
final class SecondSizeChecks extends ModelChecks {
  private static final int LENGTH = 37;
  private static final int SAMPLES = 2;

  private final Path directory;
  private final List<int[]> samples = samples();
  private final List<double[][]> logits;
  private final Map<String, double[]> norms;

  /**
   * Runs the model in float64 and writes it.
   *
   * @param directory empty, for the model and what is made of it
   */
  SecondSizeChecks(Second second, Backend backend, Path directory) throws IOException {
    super(backend, directory.resolve("model"));
    this.directory = directory;
    ReferenceModel reference =
        ReferenceModel.of(second.config(), second.dtype(), second.prefix(), 3);
    logits = samples.stream().map(reference::logits).toList();
    norms = reference.norms(SAMPLES);
    assertThat(reference.routerGap()).as("a choice that rounding decides").isGreaterThan(1e-4);
    String blocks = second.prefix() + (second.config().contains("\"gpt2\"") ? "h.0." : "layers.0.");
    reference.write(
        directory.resolve("model"), blocks + "attn.bias", blocks + "self_attn.rotary_emb.inv_freq");
  }

  private static List<int[]> samples() {
    Random random = new Random(5);
    return IntStream.range(0, SAMPLES)
        .mapToObj(sample -> random.ints(LENGTH, 0, SecondSizes.VOCABULARY).toArray())
        .toList();
  }

  /**
   * Checks every logit of every sample.
   *
   * @param tolerance relative to what is larger, the logit or 1
   */
  void logitsAre(double tolerance) {
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      for (int sample = 0; sample < SAMPLES; sample++) {
        assertLogits(decoder, samples.get(sample), logits.get(sample), tolerance);
      }
    }
  }

  private void assertLogits(Decoder decoder, int[] tokens, double[][] expected, double tolerance) {
    float[] found = logits(decoder, tokens);
    int columns = found.length / tokens.length;
    for (int i = 0; i < found.length; i++) {
      double value = expected[i / columns][i % columns];
      assertThat((double) found[i])
          .as("token %d, logit %d", i / columns, i % columns)
          .isCloseTo(value, within(tolerance * Math.max(1, Math.abs(value))));
    }
  }

  /**
   * Checks the perplexity over the samples.
   *
   * @param tolerance relative
   */
  void perplexityIs(double tolerance) {
    double loss = IntStream.range(0, SAMPLES).mapToDouble(this::meanLoss).average().orElseThrow();
    double expected = Math.exp(loss);
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      double found = Perplexity.of(decoder, samples, Progress.NONE);
      assertThat(found).isCloseTo(expected, within(tolerance * expected));
    }
  }

  private double meanLoss(int sample) {
    int[] tokens = samples.get(sample);
    return IntStream.range(1, LENGTH)
        .mapToDouble(next -> loss(logits.get(sample)[next - 1], tokens[next]))
        .average()
        .orElseThrow();
  }

  private static double loss(double[] logits, int target) {
    double highest = Arrays.stream(logits).max().orElseThrow();
    double sum = Arrays.stream(logits).map(logit -> Math.exp(logit - highest)).sum();
    return Math.log(sum) + highest - logits[target];
  }

  /**
   * Checks the norms of every module of the dense model; those of dead columns are exactly 0.
   *
   * @param tolerance relative to {@link #size}
   */
  void normsAre(double tolerance) {
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      Statistics found = DenseCalibration.run(decoder, samples, List.of(), Progress.NONE);
      assertThat(found.norms().keySet()).containsAll(norms.keySet());
      assertThat(model.modules().stream().map(LinearModule::name))
          .containsExactlyInAnyOrderElementsOf(found.norms().keySet());
      found.norms().forEach((module, values) -> assertNorms(module, values, tolerance));
    }
  }

  private void assertNorms(String module, float[] found, double tolerance) {
    double[] expected = norms.getOrDefault(module, new double[found.length]);
    for (int column = 0; column < found.length; column++) {
      assertThat((double) found[column])
          .as("%s, column %d", module, column)
          .isCloseTo(expected[column], within(tolerance * size(expected[column], expected)));
    }
  }

  /**
   * What an error is relative to: a column that few tokens reached may hold what is left of numbers
   * as large as the module's others, which took each other away. Dead columns are exactly 0.
   */
  private static double size(double norm, double[] all) {
    double largest = Arrays.stream(all).max().orElse(0);
    return norm == 0 ? 0 : Math.max(norm, largest / 10);
  }

  /** Prunes by the float64 norms, and checks that the scalar code writes the same bytes. */
  void masksFromStatisticsAreExact() {
    Calibration statistics = statistics();
    prune(backend, statistics, directory.resolve("found"));
    pruneByScalarCode(statistics);
    Directories.assertSame(directory.resolve("expected"), directory.resolve("found"));
  }

  /** Returns the float64 norms; those of experts that no token reached are 0. */
  private Calibration statistics() {
    TreeMap<String, float[]> values = new TreeMap<>();
    try (ModelDirectory model = open()) {
      for (LinearModule module : model.modules()) {
        double[] known = norms.getOrDefault(module.name(), new double[module.columns()]);
        float[] rounded = new float[known.length];
        for (int column = 0; column < known.length; column++) {
          rounded[column] = (float) known[column];
        }
        values.put(module.name(), rounded);
      }
    }
    return new Calibration.FromStatistics(
        directory.resolve("float64"), new Statistics(values, SAMPLES, LENGTH), () -> "00");
  }

  /**
   * Prunes block by block, and checks the masks against the scalar code's.
   *
   * @param share of the mask bits that may differ
   */
  void calibratedRunAgrees(double share) {
    RunResult result = prune(backend, Pruning.samples(samples), directory.resolve("found"));
    RunResult expected = pruneByScalarCode(Pruning.samples(samples));
    assertThat(result.provenance().pruned()).isEqualTo(expected.provenance().pruned());
    long different = 0;
    for (ModuleResult module : expected.modules()) {
      boolean[] kept = kept(module.module(), directory.resolve("expected"));
      boolean[] found = kept(module.module(), directory.resolve("found"));
      different += IntStream.range(0, kept.length).filter(i -> kept[i] != found[i]).count();
    }
    assertThat((double) different / result.provenance().elements()).isLessThanOrEqualTo(share);
  }

  private RunResult pruneByScalarCode(Calibration calibration) {
    try (Backend scalar = ScalarCpu.open(2)) {
      return prune(scalar, calibration, directory.resolve("expected"));
    }
  }
}
