package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Allocation;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.OutputFit;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMasks;
import io.github.wandacuda.pruning.TilePruner;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Estimates a run's time by doing a small part of it, without writing. The first rows of the
 * largest module are read and pruned, and those of a module of each width if it is pruned as a
 * whole; for a calibrated run, some tokens run through a block in the middle. The rest is assumed
 * to be as fast; copies and comparisons to go at the speed of disks.
 */
record RunEstimate(RunScope scope, Backend backend, Stopwatch watch) {
  /** Little enough to be done many times, so that the code is compiled. */
  private static final long SAMPLE_BYTES = 4 << 20;

  /** Bytes in a second that are copied or compared at best, mostly and at worst. */
  private static final double FAST_COPIES = 8e9;

  private static final double COPIES = 3e9;
  private static final double SLOW_COPIES = 1e9;

  /** Passes over the model that the search for a step takes at best, mostly and at worst. */
  private static final int FEWEST_PASSES = 3;

  private static final int PASSES = 6;
  private static final int MOST_PASSES = 11;

  /** A quarter of the samples only runs through pruned blocks. */
  private static final double SEARCHED = 0.875;

  /**
   * Estimates the run, with totals shared out before it, and windows evaluated before and after it.
   */
  TimeEstimate of(RunNeeds needs, List<Allocation> allocations, List<int[]> evaluated) {
    double certain = byTiles();
    TimeEstimate work =
        scope.request().calibration() instanceof Calibration.FromSamples samples
            ? calibrated(samples.samples(), allocations)
            : TimeEstimate.ofWork(layers(Optional.empty()));
    certain += evaluation(evaluated) + watch.warmUp();
    double copied = (double) needs.readBytes() + needs.writeBytes() + needs.packingBytes();
    return work.plus(TimeEstimate.ofWork(certain))
        .plus(new TimeEstimate(copied / FAST_COPIES, copied / COPIES, copied / SLOW_COPIES))
        .plus(TimeEstimate.START);
  }

  /**
   * Estimates the time of a comparison: some tokens run through one block, and each method prunes a
   * part of its modules. How much goes is taken to make no difference.
   */
  static TimeEstimate of(
      ModelDirectory model,
      Backend backend,
      ModuleChoice choice,
      Calibration calibration,
      List<int[]> windows,
      long asked,
      Stopwatch watch,
      List<PruningRules> runs) {
    boolean sampled = calibration instanceof Calibration.FromSamples;
    List<int[]> samples =
        calibration instanceof Calibration.FromSamples from ? from.samples() : windows;
    double tokens = sampled ? BlockEstimate.tokens(samples) : 0;
    double tested = BlockEstimate.tokens(windows) + asked;
    int middle = DecoderFamilies.shape(model).blocks() / 2;
    double all = tested + runs.size() * (tokens + tested);
    try (BlockEstimate block = new BlockEstimate(model, backend, samples, all, middle, watch);
        Arena arena = Arena.ofShared()) {
      double advancing = block.advancing();
      double testing = tested * advancing * block.predicting();
      double each = tokens == 0 ? testing : tokens * (block.observing(true) + advancing) + testing;
      Optional<BlockStatistics> statistics =
          sampled ? Optional.of(block.observe(true, arena)) : Optional.empty();
      Map<Object, Double> byMethod = new HashMap<>();
      double pruning =
          runs.stream()
              .mapToDouble(
                  rules ->
                      (rules.realign() ? tokens * advancing : 0)
                          + byMethod.computeIfAbsent(
                              rules.stages().isEmpty() ? rules.label() : rules,
                              any ->
                                  new RunEstimate(
                                          RunScope.of(model, request(rules, choice, calibration)),
                                          backend,
                                          watch)
                                      .layers(statistics)))
              .sum();
      return TimeEstimate.ofWork(testing + runs.size() * each + pruning + watch.warmUp())
          .plus(TimeEstimate.START);
    }
  }

  /** Returns a request of which nothing is written. */
  static PruneRequest request(PruningRules rules, ModuleChoice choice, Calibration calibration) {
    return new PruneRequest(Path.of(""), rules, choice, calibration, false, false, false);
  }

  /** Returns the seconds of the modules that go by tiles. */
  private double byTiles() {
    List<LinearModule> modules =
        scope.chosen().stream().filter(module -> scope.rules().of(module).isByTiles()).toList();
    long bytes = modules.stream().mapToLong(module -> module.tensor().bytes()).sum();
    return modules.stream()
        .max(Comparator.comparingLong(module -> module.tensor().bytes()))
        .filter(module -> module.elements() > 0)
        .map(module -> bytes * secondsPerByte(module, bytes))
        .orElse(0.0);
  }

  private double secondsPerByte(LinearModule module, long bytes) {
    try (Workers workers = new Workers(backend.concurrency());
        TileBuffers buffers = TileBuffers.of(backend)) {
      PhaseClock clock = new PhaseClock(workers.count());
      Sample sample = new Sample(module, buffers, clock);
      long weights = scope.chosen().stream().mapToLong(LinearModule::elements).sum();
      Selector selector = backend.selector(weights);
      Runnable work =
          () -> {
            SelectionRule rule =
                new TileMasks(selector, workers).rule(sample, scope.rules().of(module));
            try (TilePruner tiles = new TilePruner(selector, rule, sample, null, null, clock)) {
              workers.run(
                  sample.tiles().count(), (worker, tile) -> tiles.prune(worker, tile, null));
            }
          };
      double times = (double) bytes / sample.bytes();
      watch.compile(work, times);
      return watch.seconds(work, times) / sample.bytes();
    }
  }

  /** Estimates a calibrated run but for what goes by tiles. */
  private TimeEstimate calibrated(List<int[]> samples, List<Allocation> allocations) {
    boolean moments = scope.rules().needMoments();
    double tokens = BlockEstimate.tokens(samples) / backend.forwards(moments).size();
    try (BlockEstimate block = block(samples, tokens);
        Arena arena = Arena.ofShared()) {
      double advancing = tokens * block.advancing();
      double once = advancing + tokens * block.observing(moments);
      BlockStatistics statistics = block.observe(moments, arena);
      try (LayerEstimate layers = estimate(Optional.of(statistics))) {
        double aligning = scope.rules().realign() ? advancing : 0;
        double work = once + aligning + layers.seconds(scope.chosen(), scope.rules());
        if (!allocations.contains(Allocation.Rule.ATP)) {
          boolean dense = allocations.stream().anyMatch(Allocation::readsWeights);
          return TimeEstimate.ofWork(dense ? work + once / 2 : work);
        }
        PruningRules searched = scope.rules().masksAlone();
        double tried =
            SEARCHED
                * (advancing
                    + tokens * block.observing(searched.needMoments())
                    + layers.seconds(scope.chosen(), searched));
        return TimeEstimate.ofWork(work)
            .plus(new TimeEstimate(FEWEST_PASSES, PASSES, MOST_PASSES).times(tried));
      }
    }
  }

  private BlockEstimate block(List<int[]> samples, double tokens) {
    return new BlockEstimate(scope.model(), backend, samples, tokens, someBlock(), watch);
  }

  private LayerEstimate estimate(Optional<BlockStatistics> statistics) {
    return new LayerEstimate(
        backend, new EstimateSamples(scope, statistics), statistics.isPresent(), watch);
  }

  /** Returns the block of a module in the middle of those that are pruned. */
  private int someBlock() {
    List<LinearModule> chosen = scope.chosen();
    return chosen.isEmpty()
        ? 0
        : LinearModules.block(chosen.get(chosen.size() / 2).name()).orElse(0);
  }

  private double evaluation(List<int[]> windows) {
    if (windows.isEmpty()) {
      return 0;
    }
    double tokens = 2 * BlockEstimate.tokens(windows);
    try (BlockEstimate block = block(windows, tokens)) {
      return tokens * block.advancing() * block.predicting();
    }
  }

  /** Returns the seconds of the modules that don't go by tiles. */
  private double layers(Optional<BlockStatistics> statistics) {
    try (LayerEstimate layers = estimate(statistics)) {
      return layers.seconds(scope.chosen(), scope.rules());
    }
  }

  /** The first tiles of a module, which aren't written back. */
  private static final class Sample extends ModuleTiles {
    private final LinearModule module;

    Sample(LinearModule module, TileBuffers buffers, PhaseClock clock) {
      super(module, module.shard(), null, buffers, clock);
      this.module = module;
    }

    @Override
    public RowTiles tiles() {
      RowTiles tiles = super.tiles();
      long count = Math.max(1, SAMPLE_BYTES / Math.max(1, largestBytes()));
      long rows = Math.min(tiles.rows(), count * tiles.tileRows());
      return new RowTiles((int) rows, tiles.tileRows());
    }

    @Override
    public void write(int worker, int tile, MemorySegment mask, boolean fitted) {}

    long bytes() {
      return module.tensor().bytes() / super.tiles().rows() * tiles().rows();
    }
  }

  /**
   * The modules by which a run's time is estimated: those of one block whose inputs were observed,
   * or those that a statistics file knows.
   */
  record EstimateSamples(RunScope scope, Optional<BlockStatistics> block)
      implements LayerEstimate.Samples {
    @Override
    public Optional<LinearModule> like(LinearModule module) {
      List<LinearModule> known =
          scope.chosen().stream().filter(other -> isKnown(other, module)).toList();
      return known.stream()
          .filter(other -> other.columns() == module.columns())
          .findFirst()
          .or(() -> known.stream().max(Comparator.comparingInt(LinearModule::columns)));
    }

    /** Returns whether as much is known of one module as another needs. */
    private boolean isKnown(LinearModule one, LinearModule other) {
      boolean known =
          block
              .map(observed -> observed.norms().containsKey(one.name()))
              .orElseGet(() -> needsMoments(one) == needsMoments(other));
      return known && one.elements() > 0;
    }

    private boolean needsMoments(LinearModule module) {
      return scope.rules().of(module).needsMoments();
    }

    @Override
    public LayerInputs inputs(LinearModule module, boolean moments, Arena arena) {
      if (block.isPresent()) {
        BlockStatistics observed = block.get();
        return inputs(observed.norms().get(module.name()), observed.grams().get(module.name()));
      }
      float[] norms = scope.norms(module);
      if (!moments || !(scope.request().calibration() instanceof Calibration.FromStatistics from)) {
        return inputs(norms, null);
      }
      try (GramFile file = GramFile.open(from.file())) {
        return inputs(norms, file.read(module.name(), norms, arena));
      }
    }

    private static LayerInputs inputs(float[] norms, Gram gram) {
      return new LayerInputs(norms, gram, 0, Optional.empty());
    }
  }

  /**
   * Estimates the time of the methods that prune a module at a time, by pruning the first rows and
   * columns of some modules as they will be. What modules with the same inputs share grows with the
   * columns' cube where a matrix is factored, the rest of a row's time with their square or,
   * without second moments, with their number.
   */
  static final class LayerEstimate implements AutoCloseable {
    /**
     * Few enough to be done in a part of a second. By 512 SparseGPT of 5632 columns was estimated
     * at twice its time, by 2048 at 1.5 times.
     */
    private static final int COLUMNS = 2048;

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

      /**
       * Returns what is known of it. The second moments may be those of its first columns alone.
       */
      LayerInputs inputs(LinearModule module, boolean moments, Arena arena);
    }

    private record Key(ModuleRules rules, int columns) {}

    /** The seconds of a part: what modules with the same inputs share, and the rest by row. */
    private record Measured(int columns, double shared, double row) {
      double seconds(LinearModule module, ModuleRules rules, boolean withShared) {
        double wider = (double) module.columns() / columns;
        double whole =
            shared * Math.pow(wider, rules.method() == Method.SPARSEGPT || rules.alps() ? 3 : 2);
        double rows = row * module.rows() * Math.pow(wider, rules.needsMoments() ? 2 : 1);
        return (withShared ? whole : 0) + rows;
      }
    }

    /** Prepares measurements; {@code sharing} prunes modules with the same inputs in turn. */
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

    /**
     * Masks from a file are as long as their module; choosing them takes no longer than reading.
     */
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

    private Runnable work(
        ModuleRules rules, LinearModule module, WeightMatrix weights, Arena arena) {
      int columns = weights.columns();
      LayerInputs inputs = corner(samples.inputs(module, rules.needsMoments(), arena), columns);
      MemorySegment mask = arena.allocate(weights.rows() * Selector.maskRowBytes(columns));
      Corner corner = Corner.of(weights, arena, workers.count());
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
}
