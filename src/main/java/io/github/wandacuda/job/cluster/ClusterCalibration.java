package io.github.wandacuda.job.cluster;

import io.github.wandacuda.calibration.InputNorms;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.job.cluster.CalibrationStep.CalibrationRun;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.SavedBlocks;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs samples through a model on a cluster, one block after the other. Each process has some of
 * the batches and sends sums of squares back, which are added in the batches' order. If modules are
 * pruned by second moments, the processes exchange the inputs of a block by files; each sums those
 * of some modules and prunes these.
 *
 * @param on the cluster
 * @param model the dense model
 * @param run what processes have to know
 * @param measured the modules that are pruned by second moments
 * @param saves keeps what a resumed run needs; nothing for the dense model
 * @param nodes the processes of which the log has told
 */
public record ClusterCalibration(
    OnCluster on,
    ModelDirectory model,
    CalibrationRun run,
    List<LinearModule> measured,
    Optional<SavedBlocks> saves,
    Set<String> nodes) {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterCalibration.class);

  /** Prepares to run samples through the dense model. */
  public static ClusterCalibration dense(OnCluster on, ModelDirectory model) {
    return new ClusterCalibration(
        on,
        model,
        new CalibrationRun(OnCluster.SharedSource.of(model), on.arithmetic(), on.devices(), null),
        List.of(),
        Optional.empty(),
        new HashSet<>());
  }

  /**
   * Runs samples.
   *
   * @param samples token ids, all lists of the same length
   * @return the norms of all modules' inputs
   */
  public Statistics run(List<int[]> samples, Progress progress) {
    int blocks = DecoderFamilies.shape(model).blocks();
    Map<Integer, Map<String, float[]>> known = saves.map(SavedBlocks::norms).orElse(Map.of());
    int first = known.size() == blocks ? blocks : saves.map(of -> of.first(known.size())).orElse(0);
    SortedMap<String, float[]> all = new TreeMap<>();
    known.values().stream().limit(first).forEach(all::putAll);
    if (first == blocks) {
      return statistics(all, samples);
    }
    removeModulesBut(all.keySet());
    AtomicReference<Map<String, float[]>> before =
        new AtomicReference<>(known.getOrDefault(first - 1, Map.of()));
    SampleProgress passing = new SampleProgress(progress, blocks, 1);
    List<CalibrationStep.BatchStates> batches =
        SampleBatch.of(samples, DecoderFamilies.batchTokens(model)).stream()
            .map(batch -> new CalibrationStep.BatchStates(batch, null))
            .toList();
    try (KeptStates<CalibrationStep.BatchStates> states = on.cluster().keep(batches)) {
      passing.overBlocks(
          first,
          block -> {
            boolean saved = block + 1 < blocks && saves.map(of -> of.isTime(block)).orElse(false);
            Map<String, float[]> pruning = run.pruned() == null ? Map.of() : before.get();
            CalibrationStep step = new CalibrationStep(run, block, pruning, saved);
            Map<String, float[]> norms =
                pass(states, step, batches.size(), samples.size(), passing);
            saves.ifPresent(of -> of.add(block, statistics(new TreeMap<>(norms), samples), saved));
            all.putAll(norms);
            before.set(norms);
          });
    }
    return statistics(all, samples);
  }

  private static Statistics statistics(SortedMap<String, float[]> norms, List<int[]> samples) {
    return new Statistics(norms, samples.size(), samples.get(0).length);
  }

  /**
   * Removes the files of modules that an interrupted run has pruned and whose blocks are pruned
   * again.
   */
  private void removeModulesBut(Set<String> kept) {
    if (!measured.isEmpty()) {
      ModuleFiles files = new ModuleFiles(output(), measured);
      measured.stream()
          .filter(module -> !kept.contains(module.name()))
          .forEach(module -> OutputDirectory.removeFile(files.of(module)));
    }
  }

  /**
   * Takes all batches to a block, and prunes the block's modules there if they are pruned by second
   * moments.
   *
   * @return the norms of the block's modules
   */
  private Map<String, float[]> pass(
      KeptStates<CalibrationStep.BatchStates> states,
      CalibrationStep step,
      int batches,
      int samples,
      SampleProgress passing) {
    List<BatchInputs.InputSlice> inputs = new ArrayList<>();
    try {
      Map<String, float[]> norms = norms(states, step, samples, passing, inputs);
      prune(step.block(), norms, inputs, samples);
      return norms;
    } finally {
      for (int batch = 0; batch < batches && !measured.isEmpty(); batch++) {
        OutputDirectory.removeFile(BatchInputs.file(output(), step.block(), batch));
      }
    }
  }

  private Path output() {
    return Path.of(run.pruned().output());
  }

  /**
   * Prunes the modules of a block that are pruned by second moments; a process prunes those of one
   * input.
   */
  private void prune(
      int block, Map<String, float[]> norms, List<BatchInputs.InputSlice> inputs, int samples) {
    Set<String> left =
        measured.stream()
            .map(LinearModule::name)
            .filter(norms::containsKey)
            .collect(Collectors.toCollection(TreeSet::new));
    Map<List<String>, List<BatchInputs.InputSlice>> groups =
        inputs.stream()
            .sorted(Comparator.comparing(BatchInputs.InputSlice::batch))
            .collect(
                Collectors.groupingBy(
                    BatchInputs.InputSlice::modules, LinkedHashMap::new, Collectors.toList()));
    List<PrunedBlocks.GroupTask> tasks = new ArrayList<>();
    groups.forEach(
        (modules, slices) -> {
          List<String> wanted = modules.stream().filter(left::remove).toList();
          if (!wanted.isEmpty()) {
            tasks.add(task(block, wanted, norms, slices, samples));
          }
        });
    for (String module : left) {
      if (!Unreached.isUnreached(norms.get(module))) {
        throw new IllegalStateException("no process has kept the inputs of " + module);
      }
      tasks.add(task(block, List.of(module), norms, List.of(), samples));
    }
    // The widest input takes longest, so it is begun first.
    tasks.sort(Comparator.comparing(PrunedBlocks.GroupTask::columns).reversed());
    on.cluster()
        .run(
            "prune block %d of %s by second moments".formatted(block, model.path()),
            tasks,
            this::say);
  }

  private PrunedBlocks.GroupTask task(
      int block,
      List<String> modules,
      Map<String, float[]> norms,
      List<BatchInputs.InputSlice> inputs,
      int samples) {
    Map<String, float[]> own = new TreeMap<>(norms);
    own.keySet().retainAll(modules);
    return new PrunedBlocks.GroupTask(run, block, modules, own, inputs, samples);
  }

  private void say(String node) {
    if (nodes.add(node)) {
      LOG.info("{}", node);
    }
  }

  private Map<String, float[]> norms(
      KeptStates<CalibrationStep.BatchStates> states,
      CalibrationStep step,
      int samples,
      SampleProgress passing,
      List<BatchInputs.InputSlice> inputs) {
    InputNorms norms = new InputNorms();
    Map<String, Integer> features = new TreeMap<>();
    int[] done = {0};
    states.step(
        "run samples to block %d of %s".formatted(step.block(), model.path()),
        step,
        result -> {
          norms.add(result.batch(), result.squares());
          features.putAll(result.inputFeatures());
          inputs.addAll(result.inputs());
          say(result.node());
          done[0] += result.samples();
          passing.passed(done[0], samples);
        });
    return norms.norms(features, samples);
  }
}
