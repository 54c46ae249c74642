package io.github.wandacuda.bench.cases;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * Improves what Wanda makes of the linear modules of a block of a random LLaMA, beside taking the
 * calibration samples through that block once.
 */
public final class BlockCase implements AutoCloseable {
  private static final int VOCABULARY = 1000;

  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Workers workers;
  private final ModelDirectory model;
  private final Decoder decoder;
  private final Block block;
  private final BlockwiseRun samples;

  /** The modules by their inputs. */
  private final Map<Gram, List<PrunedModule>> modules = new LinkedHashMap<>();

  /**
   * Makes a block, and takes samples through it for its second moments.
   *
   * @param directory where the model goes
   * @param sizes hidden x intermediate x heads
   * @param counts samples x tokens of each
   * @param amount to prune, a percentage or N:M
   */
  public BlockCase(Path directory, String sizes, String counts, String amount, int threads) {
    int[] widths = Matrices.sizes(sizes);
    int[] lengths = Matrices.sizes(counts);
    ModelShape shape = new ModelShape(1, widths[0], widths[1], widths[2], widths[2], VOCABULARY);
    new ModelFiles(shape).writeModel(directory.resolve("model"), shape.bytes());
    backend = Backends.open("cpu", 0, threads).backend();
    workers = new Workers(threads);
    model = ModelDirectory.open(directory.resolve("model"));
    decoder = DecoderFamilies.open(model, backend.operations());
    block = decoder.block(0);
    samples = new BlockwiseRun(decoder, tokens(lengths[0], lengths[1]));
    BlockStatistics statistics = samples.observe(block, arena);
    for (LinearModule module : model.choose(ModuleChoice.DEFAULT)) {
      PrunedModule pruned = new PrunedModule(arena, module, Amount.of(amount));
      pruned.choose(backend, workers, statistics.norms().get(module.name()));
      modules
          .computeIfAbsent(statistics.grams().get(module.name()), gram -> new ArrayList<>())
          .add(pruned);
    }
  }

  /** Returns samples of random tokens, which a vocabulary of a thousand has. */
  static List<int[]> tokens(int count, int length) {
    SplittableRandom random = new SplittableRandom(2);
    return Stream.generate(() -> random.ints(length, 0, VOCABULARY).toArray())
        .limit(count)
        .toList();
  }

  /** Takes all samples through the block. */
  public void forward() {
    samples.advance(block);
  }

  /** Improves the masks of all modules until no swap gains, as {@code --refine swaps} does. */
  public void swap() {
    improve(PrunedModule::swap);
  }

  /** Fits the kept weights of all modules, as {@code --update reconstruct} does. */
  public void reconstruct() {
    improve(PrunedModule::reconstruct);
  }

  /** Prunes all modules by a method with second moments, and what it is made of, anew. */
  public void prune(String method) {
    try (LayerPruner pruner =
        new LayerPruner(backend, backend.selector(), workers, new PhaseClock(workers.count()))) {
      modules.forEach(
          (gram, sharing) ->
              sharing.forEach(module -> module.prune(pruner, method, gram, workers.count())));
    }
  }

  private void improve(BiConsumer<PrunedModule, SquareGram> step) {
    modules.forEach(
        (gram, sharing) -> {
          try (SquareGram square = new SquareGram(backend.operations(), workers, gram)) {
            sharing.forEach(module -> step.accept(module, square));
          }
        });
  }

  /**
   * Swaps and reconstructs once each.
   *
   * @throws IllegalStateException if a module's error doesn't become less, or a swap changes how
   *     many weights a row keeps
   */
  public void check() {
    improve(PrunedModule::checkSwap);
    improve(PrunedModule::checkReconstruct);
  }

  @Override
  public void close() {
    samples.close();
    block.close();
    decoder.close();
    model.close();
    workers.close();
    backend.close();
    arena.close();
  }
}
