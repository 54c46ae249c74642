package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.job.output.BorrowedMemory;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.tune.BlockTuner;
import io.github.wandacuda.select.ResidentMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wanda block by block (arXiv 2306.11695, section 3, and its code). All samples run through the
 * dense block, which gives the input norms of its linear modules. The block is pruned. The samples
 * run through it again, and its outputs are the next block's inputs. If norms are known already, no
 * samples run. Memory holds one block.
 *
 * @param model the dense model
 * @param backend runs the samples; stays the caller's
 * @param pruner prunes modules and puts them where they belong
 * @param chosen the modules of the run
 * @param moments whether second moments are summed
 * @param masks masks that come from files, if they do
 * @param clock takes the time of running the samples
 * @param progress is told of each block
 */
record BlockPass(
    ModelDirectory model,
    Backend backend,
    ModulePruner pruner,
    List<LinearModule> chosen,
    boolean moments,
    Optional<PruneRequest.MasksIn> masks,
    PhaseClock clock,
    Progress progress) {
  /**
   * A block's passes as progress counts them: of samples through the dense block, of modules, and
   * of samples through the pruned block; before the last, of the steps of a fit, if there is one.
   */
  private static final int PASSES = 3;

  private static final Logger LOG = LoggerFactory.getLogger(BlockPass.class);
  private static final int PRUNING = 1;
  private static final int TUNING = 2;

  /**
   * What else is done with the blocks and with the samples' states. All methods are called by the
   * thread that runs the pass.
   */
  interface Sink extends AutoCloseable {
    /**
     * Called when the samples are embedded.
     *
     * @param passing to be told of other sequences that pass the blocks
     * @param first the number of their first pass through a block
     */
    default void open(Decoder decoder, SampleProgress passing, int first) {}

    /** Returns how many passes of other sequences each block has, for progress. */
    default int passes() {
      return 0;
    }

    /**
     * Called when a block is opened.
     *
     * @return the use of the block's memory, which is closed before the memory is freed, also after
     *     a failure; or null for none
     */
    default BorrowedMemory begin() {
      return null;
    }

    /** Waits until nothing reads the samples' states any more, since they are about to change. */
    default void await() {}

    /**
     * Called when the samples have passed a pruned block.
     *
     * @param next the number of the block that they will read
     * @param samples whose states this may read until {@link #await}
     */
    default void advanced(int next, BlockwiseRun samples) {}

    /**
     * Called with a block that is pruned and passed, before it is closed.
     *
     * @param index the block's number
     */
    default void end(int index, Block block) {}

    @Override
    default void close() {}
  }

  /**
   * Prunes blocks.
   *
   * @param first the block to begin with
   * @param load fills in the states that this block reads; null to embed the samples
   * @param sink closed at the end
   * @return the results of all modules of these blocks, block by block
   */
  List<ModuleResult> run(
      Calibration calibration, int first, Consumer<MemorySegment> load, Sink sink) {
    List<ModuleResult> results = new ArrayList<>();
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards(moments));
        BlockwiseRun samples =
            calibration instanceof Calibration.FromSamples from
                ? new BlockwiseRun(decoder, from.samples(), load)
                : null;
        BlockwiseRun goal =
            calibration instanceof Calibration.FromSamples from && pruner.realigns()
                ? new BlockwiseRun(decoder, from.samples())
                : null;
        sink) {
      requireInside(chosen, decoder);
      boolean tunes = goal != null && pruner.tunes();
      int passes = samples == null ? 0 : PASSES + (tunes ? 1 : 0);
      SampleProgress passing =
          new SampleProgress(progress, decoder.blocks(), passes + sink.passes());
      if (samples != null) {
        samples.watchedBy(passing);
        samples.alignTo(goal);
      }
      BlockTuner tuner = tunes ? tuner(decoder, calibration) : null;
      if (tunes) {
        goal.keepMiddle();
      }
      for (int passed = 0; goal != null && passed < first; passed++) {
        try (Block block = decoder.block(passed)) {
          goal.advance(block);
        }
      }
      sink.open(decoder, passing, passes);
      passing.overBlocks(
          first,
          index -> {
            try (Arena arena = Arena.ofShared();
                Block block = open(decoder, index);
                BorrowedMemory lent = sink.begin()) {
              Supplier<Progress> told =
                  () ->
                      samples == null
                          ? Progress.NONE
                          : passing.other(index, PRUNING, "module pruned");
              Pruned pruned = prune(calibration, samples, block, arena, told);
              results.addAll(
                  tunes
                      ? tune(
                          tuner,
                          pruned,
                          samples,
                          block,
                          index,
                          passing.other(index, TUNING, "step"))
                      : pruned.results());
              decoder.readAhead(index + 1);
              if (samples != null && index + 1 < decoder.blocks()) {
                sink.await();
                passing.begin(index, passes - 1, "sample after pruning");
                long start = System.nanoTime();
                samples.advance(block);
                clock.addCalibrate(System.nanoTime() - start);
                sink.advanced(index + 1, samples);
              }
              sink.end(index, block);
            }
          });
    }
    return results;
  }

  private BlockTuner tuner(Decoder decoder, Calibration calibration) {
    Map<String, LinearModule> modules =
        model.modules().stream().collect(Collectors.toMap(LinearModule::name, Function.identity()));
    long seed = ((Calibration.FromSamples) calibration).seed();
    return new BlockTuner(
        decoder.operations(), pruner.workers(), modules, seed, decoder.batchTokens());
  }

  private static void report(BlockTuner.Outcome outcome) {
    boolean mixture = outcome.fits() > 1;
    String kept =
        mixture
            ? "; %d of %d experts' fits are kept".formatted(outcome.kept(), outcome.fits())
            : outcome.kept() == 1 ? "" : ", which isn't kept";
    LOG.info(
        "block {}, {}: {} of its output was off on samples held out, {} behind the fit{}",
        outcome.block(),
        outcome.half() == Block.Half.ATTENTION ? "attention" : "MLP",
        "%.4f".formatted(outcome.before()),
        "%.4f".formatted(outcome.after()),
        kept);
  }

  private Block open(Decoder decoder, int index) {
    long start = System.nanoTime();
    Block block = decoder.block(index);
    clock.addWait(System.nanoTime() - start);
    return block;
  }

  /** What was asked of a block's modules, and what became of them, in the same order. */
  private record Pruned(List<ModuleRequest> requests, List<ModuleResult> results) {}

  /**
   * Prunes a block and gives it its pruned weights. The samples stand before the block afterwards,
   * too.
   *
   * @param arena holds pruned weights as long as the block, where its own memory can't be changed
   * @param told called when pruning begins; returns the progress to tell of its modules
   */
  private Pruned prune(
      Calibration calibration,
      BlockwiseRun samples,
      Block block,
      Arena arena,
      Supplier<Progress> told) {
    try (Arena memory = Arena.ofShared()) {
      BlockStatistics inputs = inputs(calibration, samples, block, memory);
      List<ModuleRequest> requests =
          chosen.stream()
              .filter(module -> block.inputFeatures().containsKey(module.name()))
              .map(module -> request(block, module, inputs, arena))
              .toList();
      List<ModuleResult> results = pruner.prune(requests, told.get());
      requests.stream()
          .filter(request -> request.resident() == null)
          .forEach(request -> request.keepIn(block));
      return new Pruned(requests, results);
    }
  }

  /** Fits the kept weights of a pruned block by gradients, and hands them on to be written. */
  private List<ModuleResult> tune(
      BlockTuner tuner,
      Pruned pruned,
      BlockwiseRun samples,
      Block block,
      int index,
      Progress steps) {
    long start = System.nanoTime();
    List<ModuleRequest> fitted = pruned.requests().stream().filter(pruner::isTuned).toList();
    tuner.tune(index, block, samples, fitted, steps).forEach(BlockPass::report);
    List<ModuleResult> results = pruner.tuned(pruned.requests(), pruned.results());
    clock.addCalibrate(System.nanoTime() - start);
    return results;
  }

  private BlockStatistics inputs(
      Calibration calibration, BlockwiseRun samples, Block block, Arena memory) {
    if (samples == null) {
      return new BlockStatistics(calibration.norms(), Map.of(), Map.of(), Map.of());
    }
    long start = System.nanoTime();
    BlockStatistics inputs = samples.observe(block, moments ? memory : null);
    clock.addCalibrate(System.nanoTime() - start);
    return inputs;
  }

  /**
   * Describes a module to prune: on the device, where the block needs it, or in the block's host
   * memory, or in new memory.
   */
  private ModuleRequest request(
      Block block, LinearModule module, BlockStatistics statistics, Arena arena) {
    String name = module.name();
    LayerInputs inputs =
        new LayerInputs(
            statistics.norms().get(name),
            statistics.grams().get(name),
            statistics.missing().get(name),
            statistics.tokens().getOrDefault(name, 0L),
            PruneRequest.MasksIn.of(masks, module));
    Optional<ResidentMatrix> resident =
        pruner.isByTiles(module, inputs) ? backend.resident(block.weight(name)) : Optional.empty();
    return resident.isPresent()
        ? new ModuleRequest(module, inputs, null, resident.get())
        : new ModuleRequest(module, inputs, ModuleRequest.HeldWeight.of(module, block, arena));
  }

  /** Checks that the forward pass uses every chosen module, since another one has no norms. */
  static void requireInside(List<LinearModule> chosen, Decoder decoder) {
    Set<String> inside = Set.copyOf(decoder.linearModules());
    chosen.stream()
        .filter(module -> !inside.contains(module.name()))
        .findFirst()
        .ifPresent(
            module -> {
              throw module
                  .place()
                  .hint("leave it out with `exclude` '%s'".formatted(module.name()))
                  .wrong("a part of the forward pass", "none of it, so that it gets no norms");
            });
  }
}
