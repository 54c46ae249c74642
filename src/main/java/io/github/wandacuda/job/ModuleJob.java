package io.github.wandacuda.job;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.FiniteWeights;
import io.github.wandacuda.pruning.MaskPool;
import io.github.wandacuda.pruning.TilePruner;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/** A job that prunes a module from the source's shard into the output's, tile by tile. */
final class ModuleJob implements Job, AutoCloseable {
  private final LinearModule module;
  private final TilePruner pruner;
  private final int tiles;
  private final MaskPool masks;
  private final Consumer<MemorySegment> finish;
  private MemorySegment memory;

  /** Prepares a module; {@code finish} is called once, by whichever worker was last. */
  ModuleJob(
      LinearModule module,
      TilePruner pruner,
      int tiles,
      MaskPool masks,
      Consumer<MemorySegment> finish) {
    this.module = module;
    this.pruner = pruner;
    this.tiles = tiles;
    this.masks = masks;
    this.finish = finish;
  }

  /** One thread writes to a shard at a time, because the system locks a file during a write. */
  @Override
  public Object lane() {
    return module.shard();
  }

  @Override
  public int tasks() {
    return tiles;
  }

  @Override
  public void run(int worker, int tile) {
    try {
      pruner.prune(worker, tile, mask());
    } catch (NonFiniteWeightException e) {
      throw FiniteWeights.problem(module, e);
    }
  }

  /** Called once all tiles are done. */
  void finish() {
    close();
    finish.accept(mask());
    masks.giveBack(memory);
  }

  /** Frees the device's memory, even if not all tiles were done. */
  @Override
  public void close() {
    pruner.close();
  }

  /** Returns memory for the mask, which is taken when the first tile begins. */
  private synchronized MemorySegment mask() {
    if (memory == null) {
      memory = masks.take();
    }
    return memory.asSlice(0, module.maskBytes());
  }
}
