package io.github.wandacuda.pruning;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.pruning.fit.Alps;
import io.github.wandacuda.pruning.fit.GramFactor;
import io.github.wandacuda.pruning.fit.LayerRows;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.pruning.fit.Reconstruction;
import io.github.wandacuda.pruning.fit.RowTile;
import io.github.wandacuda.pruning.fit.SparseGpt;
import io.github.wandacuda.pruning.fit.SquareGram;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.pruning.mask.PrunedTile;
import io.github.wandacuda.pruning.mask.RiaMask;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.mask.UnfitResultException;
import io.github.wandacuda.pruning.mask.WandaVariantMask;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Prunes a whole module: chooses its mask, improves it and fits the kept weights, as its rules say.
 * All arithmetic is in float32 on the weights' exact values, and the result is rounded once. Used
 * by one thread, which has the workers work.
 */
public final class LayerPruner implements AutoCloseable {
  /**
   * With fewer tokens than this share of a module's columns, its weights would be fitted to chance.
   */
  private static final double FEWEST_TOKENS = 0.25;

  private final Backend backend;
  private final Selector selector;
  private final WorkerPool workers;
  private final PhaseClock clock;
  private final TileBuffers buffers;
  private final TileMasks masks;

  /**
   * The second moments of the module that was pruned last: the next module often has the same
   * inputs, and can share what was made of them.
   */
  private Gram latest;

  /** The latest moments in the form that rows are multiplied with, made when first needed. */
  private SquareGram square;

  private Optional<GramFactor> factor;
  private Optional<Alps> alps;

  /**
   * Creates a pruner of modules.
   *
   * @param selector one of the backend's
   * @param workers do the work of one module together
   * @param clock takes the time of it
   */
  public LayerPruner(Backend backend, Selector selector, WorkerPool workers, PhaseClock clock) {
    this.backend = backend;
    this.selector = selector;
    this.workers = workers;
    this.clock = clock;
    buffers = TileBuffers.of(backend);
    masks = new TileMasks(selector, workers);
  }

  /**
   * Returns the bytes of memory that a module takes while it is pruned.
   *
   * @param rows output features
   * @param columns input features
   */
  public static long bytes(ModuleRules rules, long rows, long columns) {
    long weights = rows * columns * Float.BYTES;
    long squares = (rules.needsMoments() ? 4 : 0) + (rules.alps() ? 7 : 0);
    return 2 * weights + squares * columns * columns * Float.BYTES;
  }

  /**
   * Prunes a module.
   *
   * @param source the weights, which take the result back
   * @param rules what is done
   * @param inputs what the rules need to know; second moments must stay as they are until {@link
   *     #forget}
   * @param mask takes the packed mask
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   * @throws UnfitResultException if scores are equal so often that the share is missed, or a fitted
   *     weight is too large for the module's type
   */
  public Result prune(
      TileSource source, ModuleRules rules, LayerInputs inputs, MemorySegment mask) {
    long start = System.nanoTime();
    try (Arena arena = Arena.ofShared()) {
      AtomicReference<DType> type = new AtomicReference<>();
      WeightMatrix dense = read(source, type, arena);
      Layer layer = new Layer(dense, type.get(), source.rounding(), rules, inputs, mask, arena);
      layer.prune();
      clock.addSelect((System.nanoTime() - start) * workers.count());
      return write(source, layer);
    }
  }

  /** Makes some second moments the latest ones. */
  private void take(Gram gram) {
    if (latest == null || !latest.triangle().equals(gram.triangle())) {
      forget();
      latest = gram;
    }
  }

  private SquareGram square(Gram gram) {
    take(gram);
    if (square == null) {
      square = new SquareGram(backend.operations(), workers, latest);
    }
    return square;
  }

  private Optional<GramFactor> factor(Gram gram) {
    take(gram);
    if (factor == null) {
      factor = GramFactor.of(latest, workers);
    }
    return factor;
  }

  private Optional<Alps> alps(Gram gram) {
    take(gram);
    if (alps == null) {
      alps = Alps.of(backend.operations(), workers, latest);
    }
    return alps;
  }

  /** Lets go of the latest second moments; to be called before their memory is given back. */
  public void forget() {
    if (square != null) {
      square.close();
    }
    if (alps != null) {
      alps.ifPresent(Alps::close);
    }
    latest = null;
    square = null;
    factor = null;
    alps = null;
  }

  @Override
  public void close() {
    forget();
    buffers.close();
  }

  /**
   * Reads all tiles as float32.
   *
   * @param type takes the tiles' own type; stays null if there are no tiles
   */
  private WeightMatrix read(TileSource source, AtomicReference<DType> type, Arena arena) {
    WeightMatrix whole = OutputFit.empty(DType.F32, source.tiles().rows(), source.columns(), arena);
    workers.run(
        source.tiles().count(),
        (worker, tile) -> {
          int first = source.tiles().firstRow(tile);
          WeightMatrix rows = source.read(worker, tile);
          type.set(rows.dtype());
          float[] values = new float[source.columns()];
          FiniteWeights.locate(
              first,
              () -> {
                for (int row = 0; row < rows.rows(); row++) {
                  FiniteWeights.read(rows, row, values);
                  long at = whole.byteOffset(first + row, 0);
                  MemorySegment.copy(values, 0, whole.data(), FLOAT, at, values.length);
                }
              });
        });
    return whole;
  }

  private Result write(TileSource source, Layer layer) {
    LongAdder pruned = new LongAdder();
    LongAdder zeros = new LongAdder();
    LongAdder zeroRows = new LongAdder();
    workers.run(
        source.tiles().count(),
        (worker, tile) -> {
          PrunedTile written = new PrunedTile(layer.rules, layer.mask, source.columns());
          WeightMatrix weights = source.read(worker, tile);
          int first = source.tiles().firstRow(tile);
          written.write(weights, layer.fitted, first);
          long maskRow = Selector.maskRowBytes(source.columns());
          long maskBytes = source.tiles().rowsOf(tile) * maskRow;
          MemorySegment tileMask = layer.mask.asSlice(first * maskRow, maskBytes);
          source.write(worker, tile, tileMask, layer.fitted != null);
          pruned.add(written.pruned);
          zeros.add(written.zeros);
          zeroRows.add(written.zeroRows);
        });
    return new Result(pruned.sum(), zeros.sum(), zeroRows.intValue(), layer.errors, layer.warning);
  }

  /** A module while it is pruned. */
  private final class Layer {
    /** What the result is to come near to. */
    private WeightMatrix dense;

    /** What the weights are stored as; null if there are no weights. */
    private final DType type;

    /** How fitted weights become codes, if that is what is stored. */
    private final Optional<TileSource.Rounding> codes;

    private final ModuleRules rules;
    private final LayerInputs inputs;
    private final float[] norms;
    private final MemorySegment mask;
    private final Arena arena;

    /** Room for the kept weights' new values. */
    private WeightMatrix result;

    /** The kept weights' new values, or null as long as they stay as they are. */
    private WeightMatrix fitted;

    /** What {@link OutputErrors} has, summed over the tiles so far. */
    private double output;

    private double chosen;
    private double refined;
    private double last;

    private Optional<OutputErrors> errors = Optional.empty();
    private Optional<String> warning = Optional.empty();

    Layer(
        WeightMatrix dense,
        DType type,
        Optional<TileSource.Rounding> codes,
        ModuleRules rules,
        LayerInputs inputs,
        MemorySegment mask,
        Arena arena) {
      this.dense = dense;
      this.type = type;
      this.codes = codes;
      this.rules = rules;
      this.inputs = inputs;
      norms = rules.scoringNorms(inputs.norms());
      this.mask = mask;
      this.arena = arena;
    }

    /**
     * Chooses the mask and, if that is known from second moments, improves it and fits the kept
     * weights.
     */
    void prune() {
      if (dense.elements() == 0) {
        return;
      }
      if (rules.realign() && inputs.missing() != null && !isFewTokens()) {
        List<Integer> all = IntStream.range(0, dense.columns()).boxed().toList();
        dense =
            new OutputFit(backend.operations(), workers, arena, dense, inputs.missing())
                .fitted(all, true)
                .orElse(dense);
      }
      boolean unreached = Unreached.isUnreached(inputs.norms());
      if (unreached || inputs.gram() == null) {
        if (unreached && rules.method() != Method.MASKS && rules.method() != Method.MAGNITUDE) {
          lowest();
        } else {
          choose();
        }
        return;
      }
      result = OutputFit.empty(DType.F32, dense.rows(), dense.columns(), arena);
      try (LayerRows rows = new LayerRows(square(inputs.gram()), dense, mask, result)) {
        if (!isBySparseGpt(rows)) {
          choose();
          rows.moveWhole(RowTile::loadMask);
        }
        improve(rows);
      }
    }

    /** Chooses the mask by the rules' method, SparseGPT apart. */
    private void choose() {
      switch (rules.method()) {
        case WANDA, SPARSEGPT -> lowest();
        case MAGNITUDE -> masks.magnitude(dense, rules.sparsity(), buffers.tileBytes(), mask);
        case RIA ->
            new RiaMask(selector, workers, buffers, rules.scope())
                .choose(dense, norms, rules.sparsity(), mask);
        case WANDA_VARIANT ->
            new WandaVariantMask(workers).choose(dense, norms, rules.sparsity(), mask);
        case MASKS -> inputs.mask().orElseThrow().accept(mask);
      }
    }

    /** Prunes the lowest scores of each row or group. */
    private void lowest() {
      masks.wanda(dense, norms, rules.sparsity(), buffers.tileBytes(), mask);
    }

    /** Prunes by SparseGPT, or returns false if that isn't asked for or can't be done. */
    private boolean isBySparseGpt(LayerRows rows) {
      if (rules.method() != Method.SPARSEGPT) {
        return false;
      }
      if (isFewTokens()) {
        warning = Optional.of("too few tokens reached it for sparsegpt: pruned by wanda");
        return false;
      }
      Optional<GramFactor> factor = factor(inputs.gram());
      if (factor.isEmpty()) {
        warning =
            Optional.of("its second moments have no factor, however dampened: pruned by wanda");
        return false;
      }
      rows.prune(new SparseGpt(backend.operations(), workers, factor.get()), rules.sparsity());
      // Weights that are fitted once more are rounded then, since they are to be rounded once.
      if (codes.isPresent() || !rules.reconstruct()) {
        if (isRounded(0, result.rows())) {
          rows.moveWhole(RowTile::loadResult);
        }
      }
      fitted = result;
      if (rules.sparsity() instanceof Sparsity.Ratio ratio) {
        long most =
            ratio.of(dense.elements())
                + dense.rows()
                + Math.ceilDiv(dense.columns(), SparseGpt.BLOCK);
        if (Mask.of(mask, dense.rows(), dense.columns()).pruned() > most && lost() > most) {
          throw new UnfitResultException(
              "scores that tell %s of the weights from the rest".formatted(ratio),
              "equal ones, by which %.2f %% would be pruned"
                  .formatted(100 * ((double) lost() / dense.elements())));
        }
      }
      return true;
    }

    /**
     * Rounds fitted weights to what is written, before the error is measured that they leave. What
     * the module's type has no room for stays, and is refused when it is written.
     *
     * @return false if the type has all values as they are
     */
    private boolean isRounded(int from, int to) {
      if (codes.isEmpty() && type == DType.F32) {
        return false;
      }
      TileSource.Rounding nearest = codes.orElse((row, column, value) -> type.rounded(value));
      workers.run(
          to - from,
          (worker, task) -> {
            int row = from + task;
            for (int column = 0; column < result.columns(); column++) {
              float value = result.get(row, column);
              float rounded = Float.isFinite(value) ? nearest.nearest(row, column, value) : value;
              if (Float.isFinite(rounded)) {
                result.set(row, column, rounded);
              }
            }
          });
      return true;
    }

    /** Counts the weights that had a part in the outputs and are pruned. */
    private long lost() {
      LongAdder lost = new LongAdder();
      float[] moments = square(inputs.gram()).diagonal();
      workers.run(
          dense.rows(),
          (worker, row) -> {
            boolean[] kept = new boolean[dense.columns()];
            PackedMasks.read(mask, row, kept);
            int count = 0;
            for (int c = 0; c < kept.length; c++) {
              count += !kept[c] && moments[c] != 0 && dense.get(row, c) != 0 ? 1 : 0;
            }
            lost.add(count);
          });
      return lost.sum();
    }

    /** Returns whether too few tokens are known to fit weights to. */
    private boolean isFewTokens() {
      return inputs.tokens() > 0 && inputs.tokens() < FEWEST_TOKENS * dense.columns();
    }

    /**
     * Improves the mask and fits the kept weights, as far as the rules say, and measures the error
     * at each step.
     */
    private void improve(LayerRows rows) {
      boolean fits = rules.reconstruct() && !warnOfFewTokens();
      boolean masked = fitted == null;
      rows.forTiles(
          tile -> {
            if (masked) {
              tile.startMasked();
            } else {
              tile.resume();
            }
            output = tile.withOutput(output);
            chosen = tile.withError(chosen);
            if (rules.swaps()) {
              tile.swap(group(), rules.swapBudget());
              tile.storeMask();
              refined = tile.withError(refined);
            }
            if (fits && !rules.alps()) {
              fit(tile, Reconstruction.STEPS);
            }
          });
      if (!rules.swaps()) {
        refined = chosen;
      }
      if (fits) {
        fitted = result;
      }
      if (fits && rules.alps()) {
        fitByAlps(rows);
      } else if (!fits) {
        last = refined;
      }
      errors = Optional.of(new OutputErrors(output, chosen, refined, last));
    }

    /** Returns the columns of a group in which swaps must stay, if there are groups. */
    private OptionalInt group() {
      return rules.sparsity() instanceof Sparsity.GroupPattern pattern
          ? OptionalInt.of(pattern.size())
          : OptionalInt.empty();
    }

    /**
     * Chooses the mask again by ALPS and fits the kept weights. If the second moments are no use
     * for that, or the error is larger then, it is the mask of before that weights are fitted to.
     */
    private void fitByAlps(LayerRows rows) {
      MemorySegment before = arena.allocate(mask.byteSize()).copyFrom(mask);
      if (chooseAgain(rows)) {
        last = 0;
        rows.forTiles(
            tile -> {
              tile.storeMask();
              tile.resume();
              fit(tile, Alps.FITTING_STEPS);
            });
        if (last <= refined) {
          return;
        }
        mask.copyFrom(before);
        rows.moveWhole(RowTile::loadMask);
      }
      last = 0;
      rows.forTiles(
          tile -> {
            tile.startMasked();
            fit(tile, Reconstruction.STEPS);
          });
    }

    /**
     * Fits a tile's kept weights, rounds them to what is written, and adds the error that is left.
     */
    private void fit(RowTile tile, int steps) {
      tile.reconstruct(steps);
      tile.storeResult();
      if (isRounded(tile.first(), tile.first() + tile.rows())) {
        tile.loadResult();
        tile.start();
      }
      last = tile.withError(last);
    }

    /** Chooses the mask by ALPS, or returns false if the second moments are no use for that. */
    private boolean chooseAgain(LayerRows rows) {
      Optional<Alps> alps = alps(inputs.gram());
      if (alps.isEmpty()) {
        warning = Optional.of("its second moments have no inverse: its mask isn't chosen by alps");
        return false;
      }
      Runnable choose = () -> masks.magnitude(result, rules.sparsity(), buffers.tileBytes(), mask);
      alps.get().solve(rows, rules.sparsity(), choose);
      return true;
    }

    /** Returns whether too few tokens are known to fit weights to, and says so. */
    private boolean warnOfFewTokens() {
      if (isFewTokens()) {
        warning = Optional.of("too few tokens reached it: its kept weights stay as they are");
      }
      return isFewTokens();
    }
  }

  /**
   * What became of a module.
   *
   * @param pruned weights that the mask takes out
   * @param zeros weights of the result that are zero
   * @param zeroRows rows of the result that hold nothing but zeros
   * @param errors how far its outputs are off, where its second moments are known
   * @param warning what the user should know, such as that another method was taken
   */
  public record Result(
      long pruned,
      long zeros,
      int zeroRows,
      Optional<OutputErrors> errors,
      Optional<String> warning) {}

  /**
   * What is known of a module beside its weights.
   *
   * @param norms the norm of each input column, or null
   * @param gram the second moments of its inputs, or null
   * @param missing the moments of its inputs with what is missing in the hidden states behind it,
   *     which it is to make up for; or null
   * @param tokens how many tokens these are of, 0 if that isn't known
   * @param mask writes the module's packed mask, if that is given
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record LayerInputs(
      float[] norms,
      Gram gram,
      OutputMoments missing,
      long tokens,
      Optional<Consumer<MemorySegment>> mask) {
    /** Describes a module that makes up for nothing but its own pruning. */
    public LayerInputs(
        float[] norms, Gram gram, long tokens, Optional<Consumer<MemorySegment>> mask) {
      this(norms, gram, null, tokens, mask);
    }
  }
}
