package io.github.wandacuda.job.verify;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.checkpoint.gguf.GgufWeight;
import io.github.wandacuda.checkpoint.gguf.GgufZeros;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.GgufWeights;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.MaskPool;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The check of a model in GGUF of which weights were zeroed, against its source. The masks follow
 * from the numbers of both files. By them the source's codes are zeroed once more, and each byte of
 * the file has to be one of those.
 *
 * @param dense the source
 * @param rules by which modules were pruned
 * @param chosen the pruned modules, in the order of their masks
 * @param weights theirs, in the same order
 * @param layout of the file
 * @param failures takes what is wrong
 */
public record GgufZerosCheck(
    ModelDirectory dense,
    PruningRules rules,
    List<LinearModule> chosen,
    List<GgufWeight> weights,
    GgufZeros layout,
    Failures failures) {
  /**
   * Prepares the check of a run's file.
   *
   * @param record of the run, whose choice is {@code chosen}
   * @param rules by which modules were pruned
   * @throws io.github.wandacuda.error.UsageException if no run can have zeroed these modules
   */
  public static GgufZerosCheck of(
      ModelDirectory dense,
      PruningRecord record,
      PruningRules rules,
      List<LinearModule> chosen,
      Failures failures) {
    List<GgufWeight> weights = GgufWeights.of(dense, chosen);
    GgufZeros layout = new GgufZeros(dense.checkpoint(), weights, record.description());
    return new GgufZerosCheck(dense, rules, chosen, weights, layout, failures);
  }

  /**
   * Checks a file. What is wrong is added to the failures.
   *
   * @param sink takes the modules' masks
   * @param workers read and compare
   * @param progress is told of the tensors
   * @return what was found, or nothing if the file differs outside of the pruned modules
   * @throws io.github.wandacuda.error.InputException if the file can't be read
   */
  public Optional<OutputCheck.Found> check(
      Path file, MaskSink sink, Workers workers, Progress progress) {
    Optional<ErrorDetails> differs = layout.firstDifference(file);
    if (differs.isPresent()) {
      failures.add(differs.get());
      return Optional.empty();
    }
    StepCount told = OutputCheck.told(dense.checkpoint().shards(), progress);
    Set<TensorInfo> pruned = RunScope.tensors(chosen);
    dense
        .checkpoint()
        .tensors()
        .map(Checkpoint.Entry::info)
        .filter(tensor -> !pruned.contains(tensor))
        .forEach(tensor -> told.done(tensor.bytes()));
    long maskBytes = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    try (Checkpoint found = GgufCheckpoint.open(file).checkpoint();
        TilePairs buffers = TilePairs.of(workers.count());
        MaskPool masks = new MaskPool(maskBytes)) {
      List<ModuleCheck> jobs = new ArrayList<>();
      for (int index = 0; index < chosen.size(); index++) {
        if (chosen.get(index).elements() == 0) {
          sink.add(index, MemorySegment.NULL);
        } else {
          jobs.add(module(index, found, sink, buffers, masks, told));
        }
      }
      workers.run(jobs.stream().map(job -> new Counted(job, job::finish)).toList());
      return Optional.of(
          new OutputCheck.Found(
              jobs.stream().mapToLong(ModuleCheck::pruned).sum(),
              jobs.stream().mapToLong(ModuleCheck::zeros).sum(),
              jobs.stream()
                  .filter(job -> job.pruned() > 0)
                  .map(ModuleCheck::module)
                  .collect(Collectors.toSet())));
    }
  }

  private ModuleCheck module(
      int index,
      Checkpoint found,
      MaskSink sink,
      TilePairs buffers,
      MaskPool masks,
      StepCount told) {
    LinearModule module = chosen.get(index);
    SafetensorsFile file = found.shards().getFirst();
    return new ModuleCheck(
        module,
        module.shard(),
        file,
        rules.of(module),
        failures,
        buffers,
        masks,
        mask -> {
          sink.add(index, mask);
          layout.firstDifference(found, weights.get(index), mask).ifPresent(failures::add);
          told.done(module.tensor().bytes());
        });
  }
}
