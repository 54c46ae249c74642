package io.github.wandacuda.job.shard;

import io.github.wandacuda.calibrate.InputNorms;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.calibrate.SampleBatch;
import io.github.wandacuda.calibrate.SampleProgress;
import io.github.wandacuda.calibrate.statistics.Statistics;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a cluster run samples through a model, one block after the other: each process has some of
 * the batches, and sums of squares come back, which are added up in the batches' order.
 */
public final class ClusterCalibration {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterCalibration.class);

  private final OnCluster on;
  private final ModelDirectory model;
  private final CalibrationRun run;
  private final Set<String> nodes = new HashSet<>();

  private ClusterCalibration(OnCluster on, ModelDirectory model, CalibrationRun run) {
    this.on = on;
    this.model = model;
    this.run = run;
  }

  /** Prepares to run samples through the dense model. */
  public static ClusterCalibration dense(OnCluster on, ModelDirectory model) {
    return new ClusterCalibration(
        on,
        model,
        new CalibrationRun(
            model.path().toAbsolutePath().toString(),
            SourceDigest.of(model),
            on.arithmetic(),
            on.devices(),
            null));
  }

  /**
   * Prepares to run samples through a model whose blocks are pruned one after the other.
   *
   * @param description the run
   * @param arithmetic what its bits depend on
   */
  public static ClusterCalibration pruned(
      OnCluster on, ModelDirectory model, RunDescription description, String arithmetic) {
    return new ClusterCalibration(
        on,
        model,
        new CalibrationRun(
            description.model(), SourceDigest.of(model), arithmetic, on.devices(), description));
  }

  /**
   * Runs samples.
   *
   * @param samples token ids, all lists of the same length
   * @return the norms of all linear modules
   * @throws io.github.wandacuda.error.InputException if a norm isn't finite
   */
  public Statistics run(List<int[]> samples, Progress progress) {
    int blocks = DecoderFamilies.of(model.config()).shape(model.config()).blocks();
    SortedMap<String, float[]> all = new TreeMap<>();
    Map<String, float[]> before = Map.of();
    SampleProgress passing = new SampleProgress(progress, blocks, 1);
    progress.begin(0);
    List<BatchStates> batches =
        SampleBatch.of(samples).stream().map(batch -> new BatchStates(batch, null)).toList();
    try (KeptStates<BatchStates> states = on.cluster().keep(batches)) {
      for (int block = 0; block < blocks; block++) {
        passing.begin(block, 0, "sample");
        before = norms(states, block, before, samples.size(), passing);
        all.putAll(before);
        progress.step("block", block + 1, blocks);
      }
    }
    return new Statistics(all, samples.size(), samples.get(0).length);
  }

  private Map<String, float[]> norms(
      KeptStates<BatchStates> states,
      int block,
      Map<String, float[]> before,
      int samples,
      SampleProgress passing) {
    InputNorms norms = new InputNorms();
    Map<String, Integer> features = new TreeMap<>();
    int[] done = {0};
    Map<String, float[]> pruning = run.pruned() == null ? Map.of() : before;
    states.step(
        "run samples to block %d of %s".formatted(block, model.path()),
        new CalibrationStep(run, block, pruning),
        result -> {
          norms.add(result.batch(), result.squares());
          features.putAll(result.inputFeatures());
          if (nodes.add(result.node())) {
            LOG.info("{}", result.node());
          }
          done[0] += result.samples();
          passing.passed(done[0], samples);
        });
    return norms.norms(features, samples);
  }
}
