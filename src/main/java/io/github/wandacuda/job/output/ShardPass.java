package io.github.wandacuda.job.output;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Prunes one shard by itself: into a file of its own, which gets its name when it is complete and
 * on the device. Several attempts at a shard write the same bytes, so it doesn't matter whose comes
 * last.
 *
 * @param shard the source's shard
 * @param rules what is done to its modules
 * @param chosen its modules that are pruned
 * @param norms their norms, by their names
 * @param moments the statistics file, if a module needs second moments
 * @param pruned has its modules, if they are pruned already
 * @param progress is told of each module that is done
 */
record ShardPass(
    SafetensorsFile shard,
    PruningRules rules,
    List<LinearModule> chosen,
    Map<String, float[]> norms,
    Optional<Path> moments,
    Optional<ModuleFiles> pruned,
    Backend backend,
    Workers workers,
    PhaseClock clock,
    Progress progress) {
  private static final long ALIGNMENT = 64;

  /** Bytes of a weight that are written at a time. */
  private static final long PIECE_BYTES = 64 << 20;

  /**
   * Writes the shard.
   *
   * @param temporary a name that no other attempt has
   * @param output the directory in which it gets the source's name
   * @param masks takes the masks of its modules
   * @return what became of its tensors
   */
  List<ShardResult.Tensor> write(Path temporary, Path output, MaskSink masks) {
    Path target = output.resolve(shard.path().getFileName().toString());
    ShardWriter writer = ShardWriter.create(temporary, shard, DirectIo.BUFFERED);
    try {
      List<ShardResult.Tensor> tensors = copyUntouched(writer);
      tensors.addAll(pruned.isPresent() ? take(pruned.get(), writer, masks) : prune(writer, masks));
      writer.force();
      writer.close();
      progress.step("shard", 1, 1);
      AtomicWrite.moveOver(temporary, target);
      return tensors;
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    } finally {
      writer.abandon();
      OutputDirectory.removeFile(temporary);
    }
  }

  private List<ShardResult.Tensor> copyUntouched(ShardWriter writer) {
    Set<TensorInfo> changed =
        chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
    List<TensorInfo> copied =
        shard.tensors().stream().filter(tensor -> !changed.contains(tensor)).toList();
    try (TileBuffers buffers = new TileBuffers(TileMemory.inCache(workers.count()))) {
      StepCount steps = new StepCount("tensor", copied.size(), progress);
      workers.run(
          copied.stream()
              .map(tensor -> new CopyJob(shard, tensor, writer, buffers, clock, steps::done))
              .toList());
    }
    return copied.stream()
        .map(tensor -> new ShardResult.Tensor(tensor.name(), writer.checksum(tensor), null))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  private List<ShardResult.Tensor> take(ModuleFiles files, ShardWriter writer, MaskSink masks) {
    List<ShardResult.Tensor> taken = new ArrayList<>();
    for (LinearModule module : chosen) {
      TensorInfo tensor = module.tensor();
      try (Arena arena = Arena.ofShared()) {
        MemorySegment mask = arena.allocate(module.maskBytes(), ALIGNMENT);
        MemorySegment weight = arena.allocate(tensor.bytes(), ALIGNMENT);
        ShardResult.Module result = files.read(module, mask, weight);
        for (long at = 0; at < weight.byteSize(); at += PIECE_BYTES) {
          long bytes = Math.min(PIECE_BYTES, weight.byteSize() - at);
          writer.write(tensor, at, weight.asSlice(at, bytes));
        }
        masks.add(taken.size(), mask);
        taken.add(new ShardResult.Tensor(tensor.name(), writer.checksum(tensor), result));
      }
      progress.step("module", taken.size(), chosen.size());
    }
    return taken;
  }

  private List<ShardResult.Tensor> prune(ShardWriter writer, MaskSink masks) {
    try (ModulePruner pruner =
        new ModulePruner(backend, workers, rules, chosen, new Only(writer), masks, clock)) {
      return new StatisticsPass(rules, this::request, moments, pruner, progress)
          .run(chosen).stream()
              .map(
                  result ->
                      ShardResult.Tensor.of(result, writer.checksum(result.module().tensor())))
              .toList();
    }
  }

  private ModuleRequest request(LinearModule module) {
    float[] own = norms.get(module.name());
    return new ModuleRequest(module, new LayerInputs(own, null, 0, Optional.empty()), null);
  }

  /** The one shard that is written. */
  private record Only(ShardWriter writer) implements ShardTarget {
    @Override
    public ShardWriter of(LinearModule module) {
      return writer;
    }

    @Override
    public void done(ModuleResult result) {
      // The results are taken when all are there.
    }
  }
}
