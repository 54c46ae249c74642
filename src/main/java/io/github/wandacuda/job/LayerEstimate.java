package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Estimates the time of the methods that prune a module at a time, by pruning the first rows and
 * columns of some modules as they will be. What modules with the same inputs share grows with the
 * columns' cube where a matrix is factored, the rest of a row's time with their square or, without
 * second moments, with their number.
 */
final class LayerEstimate implements AutoCloseable {
  /** Few enough to be done in a part of a second. */
  private static final int COLUMNS = 512;

  /** More than SparseGPT prunes at a time, so that all of its code is needed. */
  private static final int FEW_COLUMNS = 192;

  private static final int FEW_ROWS = 8;
  private static final int LEAST_ROWS = 64;
  private static final int ROWS_PER_WORKER = 32;

  private final Samples samples;
  private final boolean sharing;
  private final Stopwatch watch;
  private final Workers workers;
  private final PhaseClock clock;
  private final TileBuffers buffers;
  private final LayerPruner pruner;
  private final Map<Key, Measured> measured = new HashMap<>();
  private final Set<ModuleRules> compiled = new HashSet<>();

  /** Gives modules whose inputs are known. */
  interface Samples {
    /** Returns a module with as many columns as another, or the most that any has, if any is. */
    Optional<LinearModule> like(LinearModule module);

    /** Returns what is known of it. The second moments may be those of its first columns alone. */
    LayerInputs inputs(LinearModule module, boolean moments, Arena arena);
  }

  private record Key(ModuleRules rules, int columns) {}

  /**
   * The time of a part: seconds of what modules with the same inputs share, and of the rest for
   * each row.
   */
  private record Measured(int columns, double shared, double row) {
    double seconds(LinearModule module, ModuleRules rules, boolean withShared) {
      double wider = (double) module.columns() / columns;
      double whole = shared * Math.pow(wider, rules.method() == Method.SPARSEGPT ? 3 : 2);
      double rows = row * module.rows() * Math.pow(wider, rules.needsMoments() ? 2 : 1);
      return (withShared ? whole : 0) + rows;
    }
  }

  /**
   * Prepares measurements; with {@code sharing}, modules with the same inputs are pruned one after
   * the other.
   */
  LayerEstimate(Backend backend, Samples samples, boolean sharing, Stopwatch watch) {
    this.samples = samples;
    this.sharing = sharing;
    this.watch = watch;
    workers = new Workers(backend.concurrency());
    clock = new PhaseClock(workers.count());
    buffers = TileBuffers.of(backend);
    pruner = new LayerPruner(backend, backend.selector(), workers, clock);
  }

  /** Returns the seconds that pruning some modules takes, without those that go by tiles. */
  double seconds(List<LinearModule> modules, PruningRules rules) {
    double seconds = 0;
    long elements = modules.stream().mapToLong(LinearModule::elements).sum();
    for (LinearModule module : modules) {
      ModuleRules own = measurable(rules.of(module));
      Optional<LinearModule> like = own.isByTiles() ? Optional.empty() : samples.like(module);
      if (like.isPresent()) {
        Measured part = part(own, like.get(), elements);
        seconds += part.seconds(module, own, !sharing || !RunNeeds.sharesInputs(module));
      }
    }
    return seconds;
  }

  /** Masks from a file are as long as their module; choosing them takes no longer than reading. */
  private static ModuleRules measurable(ModuleRules rules) {
    return rules.method() != Method.MASKS
        ? rules
        : rules.with(MethodKey.METHOD, Method.WANDA).with(new Sparsity.Ratio(0.5));
  }

  private Measured part(ModuleRules rules, LinearModule module, long elements) {
    int columns = columns(rules, module, COLUMNS);
    Key key = new Key(rules, columns);
    Measured known = measured.get(key);
    if (known == null) {
      int few = columns(rules, module, FEW_COLUMNS);
      if (few < columns && compiled.add(rules)) {
        compile(rules, module, few, elements);
      }
      known = measure(rules, module, columns, elements);
      measured.put(key, known);
    }
    return known;
  }

  /** Returns how many columns are pruned: whole groups, if they go by groups. */
  private static int columns(ModuleRules rules, LinearModule module, int limit) {
    int most = Math.min(module.columns(), limit);
    if (!(rules.sparsity() instanceof Sparsity.GroupPattern pattern)) {
      return most;
    }
    return Math.max(pattern.size(), most - most % pattern.size());
  }

  private Measured measure(ModuleRules rules, LinearModule module, int columns, long elements) {
    int rows = Math.max(LEAST_ROWS, ROWS_PER_WORKER * workers.count());
    try (Arena arena = Arena.ofShared()) {
      WeightMatrix weights = corner(module, rows, columns, arena);
      Runnable work = work(rules, module, weights, arena);
      double times = (double) elements / weights.elements();
      double both = watch.seconds(() -> anew(work), times);
      double own = rules.needsMoments() ? Math.min(both, watch.seconds(work, times)) : both;
      pruner.forget();
      return new Measured(columns, both - own, own / weights.rows());
    }
  }

  private void compile(ModuleRules rules, LinearModule module, int columns, long elements) {
    try (Arena arena = Arena.ofShared()) {
      WeightMatrix weights = corner(module, FEW_ROWS, columns, arena);
      Runnable work = work(rules, module, weights, arena);
      watch.compile(() -> anew(work), (double) elements / weights.elements());
    }
  }

  private Runnable work(ModuleRules rules, LinearModule module, WeightMatrix weights, Arena arena) {
    int columns = weights.columns();
    LayerInputs inputs = corner(samples.inputs(module, rules.needsMoments(), arena), columns);
    MemorySegment mask = arena.allocate(weights.rows() * Selector.maskRowBytes(columns));
    Corner corner = new Corner(weights, arena, workers.count());
    return () -> pruner.prune(corner, rules, inputs, mask);
  }

  /** Does what modules with the same inputs share again, too. */
  private void anew(Runnable work) {
    pruner.forget();
    work.run();
  }

  /** Reads a module's first rows and columns as float32. */
  private WeightMatrix corner(LinearModule module, int most, int columns, Arena arena) {
    ModuleTiles tiles = new ModuleTiles(module, module.shard(), null, buffers, clock);
    int rows = Math.min(module.rows(), most);
    WeightMatrix corner = LayerPruner.matrix(arena, rows, columns);
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

  private static LayerInputs corner(LayerInputs inputs, int columns) {
    float[] norms = inputs.norms();
    return new LayerInputs(
        norms == null ? null : Arrays.copyOf(norms, columns),
        inputs.gram() == null ? null : corner(inputs.gram(), columns),
        0,
        Optional.empty());
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

  /** A part of a module in memory, which stays as it is however often it is pruned. */
  private static final class Corner implements TileSource {
    private final WeightMatrix weights;
    private final RowTiles tiles;
    private final WeightMatrix[] copies;

    Corner(WeightMatrix weights, Arena arena, int workers) {
      this.weights = weights;
      tiles = RowTiles.of(weights, Long.MAX_VALUE, workers);
      copies = new WeightMatrix[workers];
      Arrays.setAll(
          copies, worker -> LayerPruner.matrix(arena, tiles.tileRows(), weights.columns()));
    }

    @Override
    public RowTiles tiles() {
      return tiles;
    }

    @Override
    public int columns() {
      return weights.columns();
    }

    @Override
    public WeightMatrix read(int worker, int tile) {
      long rowBytes = (long) weights.columns() * Float.BYTES;
      long bytes = tiles.rowsOf(tile) * rowBytes;
      MemorySegment copy = copies[worker].data().asSlice(0, bytes);
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
