package io.github.wandacuda.job.estimate;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The time in which modules are pruned, measured by pruning the first rows and columns of some of
 * them with the run's own rules. The work that modules with the same inputs share grows with the
 * cube of the columns if a matrix is factored. The rest of a row's time grows with their square or,
 * without second moments, with their number.
 */
final class TimedPruning implements AutoCloseable {
  /**
   * The most columns that are pruned, few enough for a fraction of a second. With 512, SparseGPT of
   * 5632 columns was estimated at twice its time, with 2048 at 1.5 times.
   */
  private static final int COLUMNS = 2048;

  /** More columns than SparseGPT prunes at a time, so that all of its code runs. */
  private static final int FEW_COLUMNS = 192;

  private static final int LEAST_ROWS = 64;
  private static final int ROWS_PER_WORKER = 32;

  private final RunScope scope;
  private final Optional<BlockStatistics> observed;
  private final Stopwatch watch;
  private final Workers workers;
  private final PhaseClock clock;
  private final TileBuffers buffers;
  private final LayerPruner pruner;
  private final Map<Key, Measured> measured = new HashMap<>();
  private final Map<Key, Optional<LinearModule>> likes = new HashMap<>();

  private record Key(ModuleRules rules, int columns) {}

  /**
   * The seconds of a module that was measured.
   *
   * @param columns how many were pruned
   * @param shared seconds of what modules with the same inputs share
   * @param row seconds of each row
   */
  private record Measured(int columns, double shared, double row) {
    double seconds(LinearModule module, ModuleRules rules, boolean withShared) {
      double wider = (double) module.columns() / columns;
      double rows = row * module.rows() * (rules.needsMoments() ? wider * wider : wider);
      return rows + (withShared ? shared * wider * wider * wider : 0);
    }
  }

  /**
   * Prepares measurements of a run's modules.
   *
   * @param backend prunes
   * @param observed what the modules of one block read, which stands for all blocks; without it,
   *     modules are measured with the run's statistics
   */
  TimedPruning(
      RunScope scope, Backend backend, Optional<BlockStatistics> observed, Stopwatch watch) {
    this.scope = scope;
    this.observed = observed;
    this.watch = watch;
    workers = new Workers(backend.concurrency());
    clock = new PhaseClock(workers.count());
    buffers = TileBuffers.of(backend);
    pruner = new LayerPruner(backend, backend.selector(), workers, clock);
  }

  /** Returns the seconds in which all of the run's modules are pruned by some rules. */
  double seconds(PruningRules rules) {
    double seconds = 0;
    for (LinearModule module : scope.chosen()) {
      ModuleRules own = measurable(rules.of(module));
      // A mixture has thousands of modules but few widths.
      Optional<LinearModule> like =
          likes.computeIfAbsent(new Key(own, module.columns()), key -> like(module, own));
      if (like.isPresent()) {
        boolean shares = observed.isPresent() && RunNeeds.sharesInputs(module);
        seconds += measured(own, like.get()).seconds(module, own, !shares);
      }
    }
    return seconds;
  }

  /**
   * Returns rules that can be measured on a part of a module: without masks from a file, which have
   * their module's size. To choose masks takes no longer than to read them.
   */
  private static ModuleRules measurable(ModuleRules rules) {
    return rules.method() != Method.MASKS
        ? rules
        : rules.with(MethodKey.METHOD, Method.MAGNITUDE).with(new Sparsity.Ratio(0.5));
  }

  /**
   * Finds a module to measure in another's place: one whose inputs are known, with as many columns
   * or else the most that any has.
   */
  private Optional<LinearModule> like(LinearModule module, ModuleRules rules) {
    List<LinearModule> known =
        scope.chosen().stream()
            .filter(other -> other.elements() > 0 && isKnown(other, rules))
            .toList();
    return known.stream()
        .filter(other -> other.columns() == module.columns())
        .findFirst()
        .or(() -> known.stream().max(Comparator.comparingInt(LinearModule::columns)));
  }

  private boolean isKnown(LinearModule module, ModuleRules rules) {
    return observed
        .map(block -> block.norms().containsKey(module.name()))
        .orElseGet(() -> !rules.needsMoments() || scope.rules().of(module).needsMoments());
  }

  private Measured measured(ModuleRules rules, LinearModule module) {
    int columns = columns(rules, module, COLUMNS);
    Key key = new Key(rules, columns);
    Measured known = measured.get(key);
    if (known == null) {
      int few = columns(rules, module, FEW_COLUMNS);
      if (few < columns) {
        // Measured with few columns first: with code that isn't compiled yet, all of them would
        // take seconds.
        Measured unused = measure(rules, module, few);
      }
      known = measure(rules, module, columns);
      measured.put(key, known);
    }
    return known;
  }

  /** Returns how many columns are pruned, whole groups if the rules are by groups. */
  private static int columns(ModuleRules rules, LinearModule module, int limit) {
    int most = Math.min(module.columns(), limit);
    if (!(rules.sparsity() instanceof Sparsity.GroupPattern pattern)) {
      return most;
    }
    return Math.max(pattern.size(), most - most % pattern.size());
  }

  private Measured measure(ModuleRules rules, LinearModule module, int columns) {
    int most = Math.max(LEAST_ROWS, ROWS_PER_WORKER * workers.count());
    try (Arena arena = Arena.ofShared()) {
      WeightMatrix weights = corner(module, Math.min(module.rows(), most), columns, arena);
      LayerInputs inputs = inputs(module, rules, columns, arena);
      MemorySegment mask = arena.allocate(weights.rows() * Selector.maskRowBytes(columns));
      Corner corner = Corner.of(weights, arena, workers.count());
      Runnable work = () -> pruner.prune(corner, rules, inputs, mask);
      double times =
          (double) scope.chosen().stream().mapToLong(LinearModule::elements).sum()
              / weights.elements();
      double both =
          watch.seconds(
              () -> {
                pruner.forget();
                work.run();
              },
              times);
      double own = rules.needsMoments() ? Math.min(both, watch.seconds(work, times)) : both;
      pruner.forget();
      return new Measured(columns, both - own, own / weights.rows());
    }
  }

  /** Reads a module's first rows and columns as float32. */
  private WeightMatrix corner(LinearModule module, int rows, int columns, Arena arena) {
    ModuleTiles tiles = new ModuleTiles(module, module.shard(), null, buffers, clock);
    WeightMatrix corner = OutputFit.empty(DType.F32, rows, columns, arena);
    for (int row = 0; row < rows; ) {
      WeightMatrix tile = tiles.read(0, row / tiles.tiles().tileRows());
      for (int from = 0; from < tile.rows() && row < rows; from++, row++) {
        for (int column = 0; column < columns; column++) {
          corner.set(row, column, tile.get(from, column));
        }
      }
    }
    return corner;
  }

  /** Returns the inputs of a module's first columns. */
  private LayerInputs inputs(LinearModule module, ModuleRules rules, int columns, Arena arena) {
    float[] norms =
        observed
            .map(block -> block.norms().get(module.name()))
            .orElseGet(() -> scope.norms(module));
    Gram gram = rules.needsMoments() ? gram(module, norms, arena) : null;
    return new LayerInputs(
        norms == null ? null : Arrays.copyOf(norms, columns),
        gram == null ? null : corner(gram, columns),
        0,
        Optional.empty());
  }

  private Gram gram(LinearModule module, float[] norms, Arena arena) {
    if (observed.isPresent()) {
      return observed.get().grams().get(module.name());
    }
    try (GramFile file = GramFile.open(scope.moments().orElseThrow())) {
      return file.read(module.name(), norms, arena);
    }
  }

  private static Gram corner(Gram gram, int columns) {
    if (gram.columns() == columns) {
      return gram;
    }
    float[] triangle = new float[Math.toIntExact(Gram.elements(columns))];
    int at = 0;
    for (int row = 0; row < columns; row++) {
      for (int column = row; column < columns; column++) {
        triangle[at++] = gram.get(row, column);
      }
    }
    return new Gram(columns, MemorySegment.ofArray(triangle));
  }

  /** A part of a module in memory, which is restored each time that it was pruned. */
  private record Corner(WeightMatrix weights, RowTiles tiles, List<WeightMatrix> copies)
      implements TileSource {
    static Corner of(WeightMatrix weights, Arena arena, int workers) {
      RowTiles tiles = RowTiles.of(weights, Long.MAX_VALUE, workers);
      return new Corner(
          weights,
          tiles,
          Stream.generate(
                  () -> OutputFit.empty(DType.F32, tiles.tileRows(), weights.columns(), arena))
              .limit(workers)
              .toList());
    }

    @Override
    public int columns() {
      return weights.columns();
    }

    @Override
    public WeightMatrix read(int worker, int tile) {
      long rowBytes = (long) weights.columns() * Float.BYTES;
      long bytes = tiles.rowsOf(tile) * rowBytes;
      MemorySegment copy = copies.get(worker).data().asSlice(0, bytes);
      copy.copyFrom(weights.data().asSlice(tiles.firstRow(tile) * rowBytes, bytes));
      return WeightMatrix.of(copy, DType.F32, tiles.rowsOf(tile), weights.columns());
    }
  }

  @Override
  public void close() {
    pruner.close();
    buffers.close();
    workers.close();
  }
}
