package io.github.wandacuda.pruning;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.MaskPool;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileMasks;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.mask.UnfitResultException;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.WorkerPool;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prunes the modules of a run, several at a time: reads each from the source's shard, or from
 * memory, and writes it to the output's. Warns at the end of modules that no sample reached.
 */
public final class ModulePruner implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModulePruner.class);

  private final TileBuffers buffers;
  private final MaskPool maskMemory;
  private final Workers workers;
  private final PruningRules rules;
  private final PhaseClock clock;
  private final Selector selector;
  private final LayerPruner layers;
  private final ModuleSink shards;
  private final MaskSink masks;
  private final Map<String, Integer> places = new HashMap<>();

  /**
   * Modules that no sample reached so far. They are warned of at the end, since a calibrated run
   * prunes block by block.
   */
  private final List<String> unreached = new ArrayList<>();

  /**
   * Creates the pruner of a run.
   *
   * @param workers each has a tile under way
   * @param order all modules that will be pruned, in the order of the digest
   * @param shards where they are written
   * @param masks takes the mask of each, by its place in that order
   * @param clock takes the time of it
   */
  public ModulePruner(
      Backend backend,
      Workers workers,
      PruningRules rules,
      List<LinearModule> order,
      ModuleSink shards,
      MaskSink masks,
      PhaseClock clock) {
    buffers = TileBuffers.of(backend);
    maskMemory = new MaskPool(order.stream().mapToLong(LinearModule::maskBytes).max().orElse(0));
    this.workers = workers;
    this.rules = rules;
    this.clock = clock;
    this.shards = shards;
    this.masks = masks;
    order.forEach(module -> places.put(module.name(), places.size()));
    long weights = order.stream().mapToLong(LinearModule::elements).sum();
    selector = backend.selector(weights);
    layers = new LayerPruner(backend, selector, workers, clock);
  }

  /** Returns whether some modules are to make up for what is missing before their block. */
  public boolean realigns() {
    return rules.realign();
  }

  /** Returns whether kept weights of some modules are fitted by gradients after they are pruned. */
  public boolean tunes() {
    return rules.tune();
  }

  /** Returns the threads that prune. */
  public WorkerPool workers() {
    return workers;
  }

  /**
   * Returns whether a module that is held in memory is fitted by gradients before it is written.
   */
  public boolean isTuned(ModuleRequest request) {
    return request.held() != null && rules.of(request.module()).tune();
  }

  /**
   * Writes the modules that were fitted by gradients after they were pruned, which waited for that.
   *
   * @param requests of a block
   * @param results what {@link #prune} returned for them
   * @return the same without the errors of the outputs of modules that were fitted, which were
   *     measured before
   */
  public List<ModuleResult> tuned(List<ModuleRequest> requests, List<ModuleResult> results) {
    List<ModuleResult> written = new ArrayList<>();
    for (int index = 0; index < results.size(); index++) {
      ModuleRequest request = requests.get(index);
      ModuleResult result = results.get(index);
      if (isTuned(request)) {
        result = result.withoutErrors();
        shards.lend(result, request.held().bytes());
      }
      written.add(result);
    }
    return written;
  }

  /**
   * Prunes modules, several at a time, and writes them.
   *
   * @param requests best in the order of the digest
   * @param progress told of each module that is done
   * @return a result for each request, in their order
   * @throws io.github.wandacuda.error.InputException if a weight isn't finite, a module can't be
   *     pruned as its rules say, or no sample reached one where that is an error
   */
  public List<ModuleResult> prune(List<ModuleRequest> requests, Progress progress) {
    Run run = new Run(requests, progress);
    unreached.addAll(unreached(requests));
    run.prune();
    return Arrays.asList(run.results);
  }

  /**
   * Prunes modules by what a file says of their inputs, or by nothing but their weights. Second
   * moments are read one module at a time, since all of them are larger than a model.
   *
   * @param requests without second moments
   * @param moments the file of those, if norms come from one
   * @param progress told of each module that is done
   * @return a result for each request: first of those that need no second moments
   */
  public List<ModuleResult> prune(
      List<ModuleRequest> requests, Optional<Path> moments, Progress progress) {
    Map<Boolean, List<ModuleRequest>> byMoments =
        requests.stream()
            .collect(
                Collectors.partitioningBy(request -> rules.of(request.module()).needsMoments()));
    List<ModuleResult> results = new ArrayList<>(prune(byMoments.get(false), progress));
    List<ModuleRequest> with = byMoments.get(true);
    if (with.isEmpty()) {
      return results;
    }
    int without = results.size();
    try (GramFile file = GramFile.open(moments.orElseThrow())) {
      for (ModuleRequest request : with) {
        LinearModule module = request.module();
        float[] norms = request.norms();
        try (Arena arena = Arena.ofShared()) {
          Gram gram = file.read(module.name(), norms, arena);
          LayerInputs inputs = new LayerInputs(norms, gram, 0, request.inputs().mask());
          results.addAll(prune(List.of(new ModuleRequest(module, inputs, null)), Progress.NONE));
        }
        progress.step("module", results.size() - without, with.size());
      }
    }
    return results;
  }

  private final class Run {
    private final List<ModuleRequest> requests;
    private final ModuleResult[] results;
    private final StepCount steps;

    Run(List<ModuleRequest> requests, Progress progress) {
      this.requests = requests;
      results = new ModuleResult[requests.size()];
      long bytes = requests.stream().mapToLong(request -> request.module().tensor().bytes()).sum();
      steps = StepCount.ofBytes("module", requests.size(), bytes, progress);
    }

    /**
     * Prunes the modules whose tiles are independent of each other, several at a time, and then the
     * others: all workers work on one of them.
     */
    public void prune() {
      Map<Boolean, List<Integer>> alone =
          IntStream.range(0, requests.size())
              .boxed()
              .collect(Collectors.partitioningBy(this::isOneByOne));
      prune(alone.get(false));
      List<Integer> others = alone.get(true);
      try {
        others.stream()
            .sorted(Comparator.comparing(index -> firstOfSameInputs(others, index)))
            .forEach(
                index -> {
                  if (isByTiles(requests.get(index))) {
                    prune(List.of(index));
                  } else {
                    pruneLayer(index);
                  }
                });
      } finally {
        layers.forget();
      }
    }

    /**
     * Returns the first request with the same inputs. Requests are ordered by that, so that modules
     * with the same inputs come one after the other and share work.
     */
    private int firstOfSameInputs(List<Integer> alone, int index) {
      Gram gram = requests.get(index).inputs().gram();
      return gram == null
          ? index
          : alone.stream()
              .filter(other -> requests.get(other).inputs().gram() == gram)
              .findFirst()
              .orElseThrow();
    }

    /** Returns whether all workers have to work on this module together. */
    private boolean isOneByOne(int index) {
      ModuleRequest request = requests.get(index);
      return !isByTiles(request) || rules.of(request.module()).needsThreshold();
    }

    private void prune(List<Integer> indices) {
      List<ModuleJob> jobs = jobs(indices);
      try {
        workers.run(jobs.stream().map(job -> new Counted(job, job::finish)).toList());
      } finally {
        jobs.forEach(ModuleJob::close);
      }
    }

    private List<ModuleJob> jobs(List<Integer> indices) {
      List<ModuleJob> jobs = new ArrayList<>();
      for (int index : indices) {
        LinearModule module = requests.get(index).module();
        try {
          jobs.add(job(index));
        } catch (NonFiniteWeightException e) {
          throw FiniteWeights.problem(module, e);
        }
      }
      return jobs;
    }

    private ModuleJob job(int index) {
      ModuleRequest request = requests.get(index);
      LinearModule module = request.module();
      TileSource tiles = tiles(request);
      TilePruner tilePruner = tilePruner(request, tiles);
      return new ModuleJob(
          module,
          tilePruner,
          tiles.tiles().count(),
          maskMemory.mask(module.maskBytes()),
          mask -> finish(index, tilePruner, mask));
    }

    private TileSource tiles(ModuleRequest request) {
      LinearModule module = request.module();
      return request.held() == null
          ? shards.tiles(module, buffers, clock)
          : ModuleTiles.of(module, request.held(), buffers, clock);
    }

    /** Prunes a module as a whole layer. */
    private void pruneLayer(int index) {
      ModuleRequest request = requests.get(index);
      LinearModule module = request.module();
      rules.unreached().check(module, request.norms());
      MaskPool.Mask memory = maskMemory.mask(module.maskBytes());
      MemorySegment mask = memory.get();
      try {
        LayerPruner.Result result =
            layers.prune(tiles(request), rules.of(module), request.inputs(), mask);
        result.warning().ifPresent(what -> LOG.warn("{}: {}", module.name(), what));
        if (result.errors().isPresent() && result.errors().get().relative().isEmpty()) {
          LOG.warn("{}: its outputs are beyond float32: no relative error", module.name());
        }
        finish(
            index,
            new ModuleResult(
                module,
                result.pruned(),
                result.zeros(),
                result.zeroRows(),
                request.norms(),
                result.errors().orElse(null)),
            mask);
      } catch (NonFiniteWeightException e) {
        throw FiniteWeights.problem(module, e);
      } catch (UnfitResultException e) {
        throw module.place().wrong(e.expected(), e.found());
      } finally {
        memory.giveBack();
      }
    }

    private void finish(int index, TilePruner pruned, MemorySegment mask) {
      ModuleRequest request = requests.get(index);
      finish(index, pruned.result(request.module(), request.norms()), mask);
    }

    private void finish(int index, ModuleResult result, MemorySegment mask) {
      ModuleRequest request = requests.get(index);
      masks.add(places.get(request.module().name()), mask);
      if (request.held() == null) {
        shards.done(result);
      } else if (!isTuned(request)) {
        shards.lend(result, request.held().bytes());
      }
      results[index] = result;
      steps.done(request.module().tensor().bytes());
    }
  }

  @Override
  public void close() {
    warnOfUnreached(rules.unreached(), unreached);
    layers.close();
    buffers.close();
    maskMemory.close();
  }

  private boolean isByTiles(ModuleRequest request) {
    return isByTiles(request.module(), request.inputs());
  }

  /**
   * Returns whether a module is pruned tile by tile, so that it may be pruned on the device too.
   * One with second moments is pruned whole, so that the error of its outputs is measured.
   *
   * @param inputs what is known of it beside its weights
   */
  public boolean isByTiles(LinearModule module, LayerInputs inputs) {
    boolean kept = rules.unreached() == Unreached.KEEP && Unreached.isUnreached(inputs.norms());
    boolean measured = inputs.gram() != null;
    return kept || (!measured && rules.of(module).isByTiles());
  }

  /** Returns the modules that no sample reached, in the natural order of their names. */
  private static List<String> unreached(List<ModuleRequest> requests) {
    return requests.stream()
        .filter(request -> Unreached.isUnreached(request.norms()))
        .map(request -> request.module().name())
        .sorted(TensorNames.NATURAL)
        .toList();
  }

  /**
   * Warns of those modules of a run that no sample reached, in one line, by the natural order of
   * their names.
   */
  public static void warnOfUnreached(PruningRules rules, List<ModuleRequest> requests) {
    warnOfUnreached(rules.unreached(), unreached(requests));
  }

  private static void warnOfUnreached(Unreached treated, List<String> names) {
    if (!names.isEmpty() && treated != Unreached.FAIL) {
      LOG.warn(
          "{}{}: all norms are zero, no sample reached {}; {}",
          names.getFirst(),
          names.size() == 1 ? "" : " and %d more modules".formatted(names.size() - 1),
          names.size() == 1 ? "it" : "them",
          treated == Unreached.KEEP ? "kept" : "pruned by magnitude");
      names.forEach(name -> LOG.debug("{}: no sample reached it", name));
    }
  }

  /** Prepares a module; one that no sample reached is handled as the rules say. */
  private TilePruner tilePruner(ModuleRequest request, TileSource tiles) {
    LinearModule module = request.module();
    ResidentMatrix resident = request.resident();
    float[] norms = rules.of(module).scoringNorms(request.norms());
    if (Unreached.isUnreached(request.norms())) {
      rules.unreached().check(module, request.norms());
      if (rules.unreached() == Unreached.KEEP) {
        SelectionRule nothing = new SelectionRule.LowestPerRow(0);
        return new TilePruner(selector, nothing, tiles, null, null, clock);
      }
    }
    SelectionRule rule =
        shards.rule(
            module,
            () -> {
              long start = System.nanoTime();
              SelectionRule found = new TileMasks(selector, workers).rule(tiles, rules.of(module));
              clock.addSelect((System.nanoTime() - start) * workers.count());
              return found;
            });
    return new TilePruner(selector, rule, tiles, norms, resident, clock);
  }

  /** A job that prunes a module from the source's shard into the output's, tile by tile. */
  private record ModuleJob(
      LinearModule module,
      TilePruner pruner,
      int tasks,
      MaskPool.Mask mask,
      Consumer<MemorySegment> finished)
      implements Job, AutoCloseable {
    /** One thread writes to a shard at a time, because the system locks a file during a write. */
    @Override
    public Object resource() {
      return module.shard();
    }

    @Override
    public void run(int worker, int tile) {
      try {
        pruner.prune(worker, tile, mask.get());
      } catch (NonFiniteWeightException e) {
        throw FiniteWeights.problem(module, e);
      }
    }

    /**
     * Finishes the module once all its tiles are done; called once, by whichever worker was last.
     */
    void finish() {
      close();
      finished.accept(mask.get());
      mask.giveBack();
    }

    /** Frees the device's memory, even if not all tiles were done. */
    @Override
    public void close() {
      pruner.close();
    }
  }
}
