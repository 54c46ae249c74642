package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Wanda block by block (arXiv 2306.11695, section 3, and its code). All samples run through the
 * dense block, which gives the input norms of its linear modules. The block is pruned. The samples
 * run through it again, and its outputs are the next block's inputs.
 */
final class CalibratedPass {
  /** Samples pass each block dense, and pruned. */
  private static final int PASSES = 2;

  private final RunScope scope;
  private final Backend backend;
  private final Calibration.FromSamples calibration;
  private final PhaseClock clock;
  private final Progress progress;

  CalibratedPass(
      RunScope scope,
      Backend backend,
      Calibration.FromSamples calibration,
      PhaseClock clock,
      Progress progress) {
    this.scope = scope;
    this.backend = backend;
    this.calibration = calibration;
    this.clock = clock;
    this.progress = progress;
  }

  /**
   * Prunes the blocks from {@code first} on. While samples run through a pruned block, its weights
   * are written and the next one's are read.
   *
   * @param shards where {@code pruner} writes to
   * @param first the block to begin with; unless it is 0, its states are read from {@code saved}
   * @param saved the files to which each block's states are saved
   */
  List<ModuleResult> run(
      List<LinearModule> chosen,
      ModulePruner pruner,
      OutputShards shards,
      int first,
      StateFiles saved) {
    List<ModuleResult> results = new ArrayList<>();
    BlockPruner blocks =
        new BlockPruner(
            backend, pruner, chosen, scope.rules().needMoments(), scope.request().masks(), clock);
    Consumer<MemorySegment> load = first == 0 ? null : states -> saved.load(first, states);
    try (Decoder decoder = open();
        BlockwiseRun run =
            new BlockwiseRun(decoder, backend.operations(), calibration.samples(), load);
        StateFiles saving = saved) {
      blocks.requireInside(decoder);
      SampleProgress samples = new SampleProgress(progress, decoder.blocks(), PASSES);
      run.watchedBy(samples);
      progress.begin((double) first / decoder.blocks());
      for (int index = first; index < decoder.blocks(); index++) {
        try (Arena arena = Arena.ofShared();
            Block block = open(decoder, index);
            BorrowedWeights written = shards.borrow()) {
          samples.begin(index, 0, "sample");
          results.addAll(blocks.prune(run, block, arena));
          boolean last = index + 1 == decoder.blocks();
          if (!last) {
            decoder.readAhead(index + 1);
            saving.await();
            samples.begin(index, 1, "sample after pruning");
            timed(() -> run.advance(block));
            saving.save(index + 1, run::states);
          }
          waiting(written::await);
        }
        progress.step("block", index + 1, decoder.blocks());
      }
    }
    return results;
  }

  private Decoder open() {
    return DecoderFamilies.open(scope.model(), backend.forwards(scope.rules().needMoments()));
  }

  private Block open(Decoder decoder, int index) {
    long start = System.nanoTime();
    Block block = decoder.block(index);
    clock.addWait(System.nanoTime() - start);
    return block;
  }

  private void waiting(Runnable work) {
    long start = System.nanoTime();
    work.run();
    clock.addWait(System.nanoTime() - start);
  }

  private void timed(Runnable work) {
    long start = System.nanoTime();
    work.run();
    clock.addCalibrate(System.nanoTime() - start);
  }
}
