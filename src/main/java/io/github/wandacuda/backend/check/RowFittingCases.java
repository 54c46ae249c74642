package io.github.wandacuda.backend.check;

import static io.github.wandacuda.backend.check.CheckSide.TOKENS;
import static io.github.wandacuda.backend.check.CheckSide.WIDTH;
import static io.github.wandacuda.backend.check.KernelCase.exact;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.pruning.fit.GramFactor;
import io.github.wandacuda.pruning.fit.LayerRows;
import io.github.wandacuda.pruning.fit.MaskSwaps;
import io.github.wandacuda.pruning.fit.OutputError;
import io.github.wandacuda.pruning.fit.Reconstruction;
import io.github.wandacuda.pruning.fit.RowTile;
import io.github.wandacuda.pruning.fit.SparseGpt;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * Work on a layer's rows with the second moments of its inputs: swaps, reconstruction, ALPS and
 * SparseGPT. On a device without float64 this is the CPU's on both sides, but for its products.
 */
final class RowFittingCases {
  /** Columns of the rows: more than a block of SparseGPT. */
  private static final int COLUMNS = 2 * WIDTH;

  private RowFittingCases() {}

  static List<KernelCase> all() {
    List<KernelCase> cases = new ArrayList<>();
    cases.add(swaps("row_swaps: of any columns", OptionalInt.empty()));
    cases.add(swaps("row_swaps: within groups", OptionalInt.of(7)));
    cases.add(exact("row_fit", side -> onLayer(side, RowFittingCases::fitted)));
    for (Sparsity sparsity : List.of(new Sparsity.Ratio(0.5), new Sparsity.GroupPattern(3, 7))) {
      cases.add(
          exact(
              "row_admm: " + sparsity,
              side -> onLayer(side, layer -> alternated(side, layer, sparsity))));
    }
    for (Sparsity sparsity : List.of(new Sparsity.Ratio(0.5), new Sparsity.GroupPattern(3, 7))) {
      cases.add(
          exact(
              "sparse_gpt: " + sparsity,
              side -> onLayer(side, layer -> prunedOneByOne(layer, sparsity))));
    }
    return cases;
  }

  /** A layer whose mask prunes half of the columns by chance, and its inputs' second moments. */
  private record Layer(SquareGram gram, WeightMatrix weights, MemorySegment mask) {}

  /** Makes a layer, computes on it, and gives its memory back. */
  private static float[] onLayer(CheckSide side, Function<Layer, float[]> work) {
    Gram gram = new Gram(COLUMNS, secondMoments(side.values(TOKENS * COLUMNS)));
    MemorySegment mask = side.arena.allocate(TOKENS * Selector.maskRowBytes(COLUMNS));
    boolean[] kept = new boolean[COLUMNS];
    for (int row = 0; row < TOKENS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        kept[column] = side.random.nextBoolean();
      }
      PackedMasks.write(kept, mask, row);
    }
    WeightMatrix weights = side.matrix(DType.F32, TOKENS, COLUMNS);
    try (Workers workers = new Workers(1);
        SquareGram square = new SquareGram(side.operations, workers, gram)) {
      return work.apply(new Layer(square, weights, mask));
    }
  }

  /** Returns the upper triangle of {@code X^T X}, row by row. */
  private static MemorySegment secondMoments(float... tokens) {
    float[] triangle = new float[(int) Gram.elements(COLUMNS)];
    for (int i = 0, at = 0; i < COLUMNS; i++) {
      for (int j = i; j < COLUMNS; j++, at++) {
        for (int t = 0; t < tokens.length; t += COLUMNS) {
          triangle[at] += tokens[t + i] * tokens[t + j];
        }
      }
    }
    return MemorySegment.ofArray(triangle);
  }

  /** {@code row_swaps}: returns the bytes of the mask. */
  private static KernelCase swaps(String name, OptionalInt groupSize) {
    return exact(
        name,
        side ->
            onLayer(
                side,
                layer -> {
                  MaskSwaps swaps = new MaskSwaps(layer.gram);
                  swaps.refine(layer.weights, layer.mask, groupSize, OptionalInt.empty());
                  float[] bytes = new float[(int) layer.mask.byteSize()];
                  for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = layer.mask.get(ValueLayout.JAVA_BYTE, i);
                  }
                  return bytes;
                }));
  }

  /** {@code row_fit}: returns the fitted weights and their error. */
  private static float[] fitted(Layer layer) {
    WeightMatrix fitted = zeros();
    new Reconstruction(layer.gram).solve(layer.weights, layer.mask, fitted);
    float[] result = Arrays.copyOf(values(fitted), TOKENS * COLUMNS + 1);
    result[TOKENS * COLUMNS] = (float) OutputError.of(layer.gram, layer.weights, fitted).error();
    return result;
  }

  /** {@code row_admm}: returns the weights after two steps of ALPS and the choice of a mask. */
  private static float[] alternated(CheckSide side, Layer layer, Sparsity sparsity) {
    WeightMatrix result = zeros();
    TileMasks masks = new TileMasks(side.selector, layer.gram.workers);
    try (LayerRows rows = new LayerRows(layer.gram, layer.weights, layer.mask, result)) {
      rows.moveWhole(RowTile::loadMask);
      rows.forTiles(tile -> tile.alternate(layer.gram, 0.5, 0, 1e-3f));
      rows.forTiles(tile -> tile.alternate(layer.gram, 0.5, 0.8f, 1e-3f));
      rows.keepLargest(sparsity, () -> masks.magnitude(result, sparsity, 1 << 12, layer.mask));
      rows.forTiles(tile -> tile.unscale(0.5));
      rows.store();
    }
    return kept(layer, result);
  }

  /** {@code sparse_gpt}: returns the weights that are left. */
  private static float[] prunedOneByOne(Layer layer, Sparsity sparsity) {
    WeightMatrix result = zeros();
    SquareGram gram = layer.gram;
    try (LayerRows rows = new LayerRows(gram, layer.weights, layer.mask, result)) {
      GramFactor factor = GramFactor.of(gram.gram(), gram.workers).orElseThrow();
      rows.prune(new SparseGpt(gram.operations(), gram.workers, factor), sparsity);
    }
    return kept(layer, result);
  }

  private static float[] kept(Layer layer, WeightMatrix result) {
    PackedMasks.clear(result, layer.mask, layer.gram.workers);
    return values(result);
  }

  private static WeightMatrix zeros() {
    return WeightMatrix.of(new float[TOKENS * COLUMNS], TOKENS, COLUMNS);
  }

  private static float[] values(WeightMatrix matrix) {
    float[] values = new float[TOKENS * COLUMNS];
    for (int row = 0; row < TOKENS; row++) {
      matrix.read(row, 0, COLUMNS, values, row * COLUMNS);
    }
    return values;
  }
}
