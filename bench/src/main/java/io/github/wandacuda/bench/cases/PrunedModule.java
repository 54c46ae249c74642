package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.bench.common.WeightBytes;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.fit.MaskSwaps;
import io.github.wandacuda.pruning.fit.OutputError;
import io.github.wandacuda.pruning.fit.Reconstruction;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalInt;

/** A linear module as Wanda prunes it, whose mask or weights are made better, again and again. */
final class PrunedModule {
  private static final long TILE_BYTES = 1 << 20;

  private final String name;
  private final Sparsity sparsity;
  private final WeightMatrix weights;
  private final WeightMatrix fitted;
  private final Mask chosen;
  private final Mask mask;
  private float[] norms;

  /** Reads a module's weights as float32. */
  PrunedModule(Arena arena, LinearModule module, Sparsity sparsity) {
    this.sparsity = sparsity;
    name = module.name();
    weights = Matrices.zeros(arena, DType.F32, module.rows(), module.columns());
    fitted = Matrices.zeros(arena, DType.F32, module.rows(), module.columns());
    chosen = Mask.allocate(module.rows(), module.columns());
    mask = Mask.allocate(module.rows(), module.columns());
    try (Arena bytes = Arena.ofConfined()) {
      WeightMatrix stored = WeightBytes.matrix(module.shard(), module.tensor(), bytes);
      long at = 0;
      for (int row = 0; row < stored.rows(); row++) {
        for (int column = 0; column < stored.columns(); column++) {
          WeightBytes.set(weights.data(), DType.F32, at++, stored.get(row, column));
        }
      }
    }
  }

  /** Chooses the mask to begin with. */
  void choose(Backend backend, WorkerPool workers, float[] inputNorms) {
    norms = inputNorms;
    new TileMasks(backend.selector(), workers)
        .wanda(weights, norms, sparsity, backend.tileBytes(), chosen.bits());
  }

  /** Improves the mask. */
  void swap(SquareGram gram) {
    OptionalInt group =
        sparsity instanceof Sparsity.GroupPattern pattern
            ? OptionalInt.of(pattern.size())
            : OptionalInt.empty();
    mask.bits().copyFrom(chosen.bits());
    new MaskSwaps(gram).refine(weights, mask.bits(), group, OptionalInt.empty());
  }

  /** Fits the kept weights. */
  void reconstruct(SquareGram gram) {
    fitted.data().copyFrom(weights.data());
    new Reconstruction(gram).solve(weights, chosen.bits(), fitted);
  }

  /** Prunes by a method, as a run does. */
  void prune(LayerPruner pruner, String method, Gram gram, int threads) {
    fitted.data().copyFrom(weights.data());
    ModuleRules rules = ModuleRules.of(method, sparsity, EnumSet.allOf(Method.class), "method");
    RowTiles tiles = RowTiles.of(fitted, TILE_BYTES, threads);
    LayerInputs inputs = new LayerInputs(norms, gram, 0, Optional.empty());
    pruner.prune(new TileSource.MatrixTiles(fitted, tiles), rules, inputs, mask.bits());
  }

  void checkSwap(SquareGram gram) {
    swap(gram);
    requireLess("swaps", error(gram, chosen), error(gram, mask));
    if (mask.kept() != chosen.kept()) {
      throw new IllegalStateException(
          "%s: kept %d weights, then %d".formatted(name, chosen.kept(), mask.kept()));
    }
  }

  void checkReconstruct(SquareGram gram) {
    double before = error(gram, chosen);
    reconstruct(gram);
    requireLess("reconstruction", before, OutputError.of(gram, weights, fitted).error());
  }

  /** Returns the error of what a mask keeps of the weights, which {@code fitted} then holds. */
  private double error(SquareGram gram, Mask kept) {
    fitted.data().copyFrom(weights.data());
    for (int row = 0; row < weights.rows(); row++) {
      for (int column = 0; column < weights.columns(); column++) {
        if (!kept.isKept(row, column)) {
          WeightBytes.set(fitted.data(), DType.F32, (long) row * weights.columns() + column, 0);
        }
      }
    }
    return OutputError.of(gram, weights, fitted).error();
  }

  private void requireLess(String step, double before, double after) {
    if (!(after < before)) {
      throw new IllegalStateException(
          "%s: an error of %s is %s after %s".formatted(name, before, after, step));
    }
  }
}
