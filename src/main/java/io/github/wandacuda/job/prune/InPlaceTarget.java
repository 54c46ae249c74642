package io.github.wandacuda.job.prune;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.SourceReads;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.RowCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model's own shards, which are pruned without a second copy of them. During a run, and after an
 * interruption, the directory has a {@link Journal}; the same command again then completes the run.
 * {@code wanda-cuda.json} is written last.
 *
 * @param scope of the run
 */
record InPlaceTarget(RunScope scope) implements PruneTarget {
  private static final Logger LOG = LoggerFactory.getLogger(InPlaceTarget.class);

  private static final String COPY = "copy the model, or name an `output`";

  InPlaceTarget {
    if (!Files.isWritable(scope.model().path())) {
      throw ErrorDetails.file(scope.model().path()).unwritable("to write it", "no right");
    }
    scope.chosen().stream()
        .map(module -> module.shard().path())
        .distinct()
        .forEach(InPlaceTarget::requireOwn);
  }

  /** Checks a request before modules are chosen. */
  static void check(PruneRequest request) {
    if (!request.rules().areByTiles()) {
      throw new UsageException(
          "`in-place` prunes by wanda or magnitude alone: what another method has begun can't be"
              + " told from what it has left, so an interrupted run could not be ended");
    }
    if (request.calibration() instanceof Calibration.FromSamples) {
      throw new UsageException(
          "`in-place` needs `statistics` or `method` magnitude: a calibrated run that was"
              + " interrupted could not be run again on a model that is pruned in part");
    }
  }

  @Override
  public boolean isFinished() {
    return false;
  }

  /** Counts the chosen modules alone, since nothing else is written. */
  @Override
  public RunNeeds needs(Backend backend) {
    long pruned = scope.chosen().stream().mapToLong(module -> module.tensor().bytes()).sum();
    long masks = scope.chosen().stream().mapToLong(LinearModule::maskBytes).sum();
    int checks = scope.request().verify() ? 2 : 0;
    long read =
        scope.chosen().stream()
            .mapToLong(
                module ->
                    (SourceReads.times(scope.rules().of(module)) + checks)
                        * module.tensor().bytes())
            .sum();
    long tiles = 2L * backend.concurrency() * backend.tileBytes();
    return new RunNeeds(read, pruned, 0, masks, 0, 0, tiles, 0);
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.maskBytes();
  }

  @Override
  public RunResult run(PruneTarget.Tools tools) {
    Fingerprint cause = Fingerprint.of(tools.plan());
    Optional<Provenance> ended =
        endEarlier().filter(earlier -> cause.differencesFrom(Fingerprint.of(earlier)).isEmpty());
    if (ended.isPresent()) {
      return new RunResult(ended.get().ofPruning(), List.of(), tools.clock().seconds(), null);
    }
    try (Journal journal = Journal.open(path())) {
      Fingerprint fingerprint = cause.with(Map.of(Fingerprint.IN_PLACE, "yes"));
      List<JsonNode> records = begin(journal, fingerprint);
      tools.readSource(scope);
      try {
        RunResult result = prune(journal, records, tools);
        tools.beforeEnd().accept(result);
        journal.succeed(
            result.provenance().json(), FileModes.like(path().resolve(SideFiles.CONFIG)));
        journal.rename(path().resolve(Provenance.FILE_NAME));
        return result;
      } catch (RuntimeException | Error e) {
        settle(e);
        throw e;
      }
    }
  }

  /**
   * Takes the last step of a run that was stopped before it.
   *
   * @return its record, if there was such a run
   */
  private Optional<Provenance> endEarlier() {
    if (!UnfinishedRun.isIn(path())) {
      return Optional.empty();
    }
    try (Journal journal = Journal.open(path())) {
      Optional<Provenance> finished = journal.finished();
      if (finished.isPresent()) {
        journal.rename(path().resolve(Provenance.FILE_NAME));
      }
      return finished;
    }
  }

  /**
   * Begins the journal, or checks that an interrupted run was the same.
   *
   * @return the records of the interrupted run
   */
  private List<JsonNode> begin(Journal journal, Fingerprint fingerprint) {
    List<JsonNode> records = journal.records();
    if (records.isEmpty()) {
      journal.restart(RunRecords.run(fingerprint));
    } else {
      Fingerprint there = Fingerprint.of(records.get(0).path("run"));
      List<String> differences = fingerprint.differencesFrom(there);
      if (!differences.isEmpty()) {
        throw ErrorDetails.file(path())
            .refused(
                "another run was interrupted here and has to be ended first; it differs in "
                    + String.join(", ", differences));
      }
    }
    // An earlier run's record won't describe the model any more.
    OutputDirectory.removeFile(path().resolve(Provenance.FILE_NAME));
    return records;
  }

  /** Checks that a shard is no link, as in a cache that models share, and has no second name. */
  private static void requireOwn(Path shard) {
    if (Files.isSymbolicLink(shard)) {
      throw ErrorDetails.file(shard)
          .hint(COPY)
          .unwritable(
              "a file of the model's own",
              "a link to %s: what others may use too is never written to"
                  .formatted(Printable.of(target(shard))));
    }
    if (!Files.isWritable(shard)) {
      throw ErrorDetails.file(shard).unwritable("to write it", "no right");
    }
    int names = FileIdentity.names(shard);
    if (names > 1) {
      throw ErrorDetails.file(shard)
          .hint(COPY)
          .unwritable(
              "a file of the model's own",
              "one with %d names (hard links): the others would change too".formatted(names));
    }
  }

  private static Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return link;
    }
  }

  private RunResult prune(Journal journal, List<JsonNode> records, PruneTarget.Tools tools) {
    PhaseClock clock = tools.clock();
    try (InPlaceShards shards = new InPlaceShards(journal, records, tools);
        MaskDigest masks =
            new MaskDigest(scope.chosen().size(), scope.model().path().resolve(MaskDigest.SPILL))) {
      List<ModuleResult> results;
      try (ModulePruner pruner = tools.pruner(scope, shards, masks.and(tools.masks()))) {
        List<ModuleRequest> requests = scope.chosen().stream().map(scope::moduleRequest).toList();
        results = pruner.prune(requests, tools.progress());
      }
      shards.finish();
      if (scope.request().verify()) {
        long start = System.nanoTime();
        scope
            .model()
            .checkpoint()
            .shards()
            .forEach(shard -> shard.bytes().readFromDevice(tools.io()));
        shards.check(results, scope.rules().after(results), tools.workers());
        clock.addVerify(System.nanoTime() - start);
      }
      return new RunResult(tools.plan().with(results, masks.hex()), results, clock.seconds(), null);
    }
  }

  private void settle(Throwable failure) {
    Path directory = scope.model().path();
    if (RealCause.behind(failure).orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; %s is pruned in part: run the same again to end it".formatted(directory),
          failure);
    }
    LOG.warn("{}: may be pruned in part: run the same again to end it", directory);
    RealCause.throwIfBehind(failure);
  }

  /**
   * A model's own shards while they are pruned.
   *
   * <p>A row or group that was pruned in part can be pruned again with the same result: zeros have
   * the lowest possible score, so they are selected again, and the order of the other weights is
   * unchanged. A threshold over a whole matrix would change, since new zeros shift the ranks of the
   * other weights. So it is written to the journal and forced to the device before the first weight
   * of its matrix is changed.
   */
  private final class InPlaceShards implements ModuleSink, AutoCloseable {
    private static final String THRESHOLD = "threshold";
    private static final String BITS = "bits";

    private final Journal journal;
    private final TileBuffers copies;
    private final Map<String, Float> thresholds = new HashMap<>();
    private final Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();

    /** Opens the shards for writing; the records are those of an interrupted run. */
    public InPlaceShards(Journal journal, List<JsonNode> records, PruneTarget.Tools tools) {
      this.journal = journal;
      copies = TileBuffers.of(tools.backend());
      Set<TensorInfo> pruned = RunScope.tensors(scope.chosen());
      for (JsonNode record : records) {
        if (record.has(THRESHOLD)) {
          thresholds.put(record.get(THRESHOLD).asText(), threshold(record, journal));
        }
      }
      OnFailure.run(
          this::close,
          () -> {
            for (SafetensorsFile shard : scope.model().checkpoint().shards()) {
              if (shard.tensors().stream().anyMatch(pruned::contains)) {
                writers.put(
                    shard,
                    ShardWriter.inPlace(shard, tensor -> !pruned.contains(tensor), tools.io()));
              }
            }
          });
    }

    private static float threshold(JsonNode record, Journal journal) {
      JsonNode bits = record.path(BITS);
      float threshold = Float.intBitsToFloat(bits.asInt());
      if (!bits.isIntegralNumber()
          || !bits.canConvertToInt()
          || !(threshold >= 0)
          || Float.isInfinite(threshold)) {
        throw ErrorDetails.part(
                journal.file(), "threshold of " + Printable.of(record.get(THRESHOLD).asText()))
            .hint("the model may be pruned in part: take a new copy of it")
            .wrong("the bits of a number from 0 on", Printable.of(bits.toString()));
      }
      return threshold;
    }

    @Override
    public ShardWriter of(LinearModule module) {
      return writers.get(module.shard());
    }

    @Override
    public ModuleTiles tiles(LinearModule module, TileBuffers buffers, PhaseClock clock) {
      return new CheckedTiles(module, of(module), buffers, copies, clock);
    }

    @Override
    public SelectionRule rule(LinearModule module, Supplier<SelectionRule> found) {
      String name = module.tensor().name();
      if (thresholds.containsKey(name)) {
        return new SelectionRule.AtMost(thresholds.get(name));
      }
      SelectionRule rule = found.get();
      if (rule instanceof SelectionRule.AtMost atMost) {
        journal.append(Map.of(THRESHOLD, name, BITS, Float.floatToRawIntBits(atMost.threshold())));
        journal.force();
      }
      return rule;
    }

    /** Closes the shards, after all that was written is on the device. */
    public void finish() {
      writers
          .values()
          .forEach(
              writer -> {
                writer.force();
                writer.close();
              });
    }

    /**
     * Checks modules by reading the files again, after {@link #finish}. A weight's bytes must have
     * the checksum of what was written, which was checked before it was; and every row, group or
     * matrix must have enough zeros.
     *
     * @throws VerificationException if a module is wrong
     */
    public void check(List<ModuleResult> results, PruningRules rules, Workers workers) {
      for (ModuleResult result : results) {
        LinearModule module = result.module();
        SafetensorsFile shard = module.shard();
        try (WrittenShard written = open(shard)) {
          if (!written.holds(module.tensor(), of(module).checksum(module.tensor()))) {
            throw wrong(module, "its bytes are not those that were written");
          }
        }
        checkZeros(result, rules.of(module), workers);
      }
    }

    private static WrittenShard open(SafetensorsFile shard) {
      return WrittenShard.open(shard.path(), shard)
          .orElseThrow(
              () ->
                  new VerificationException(
                      ErrorDetails.file(shard.path()).said("its header is not the one it had")));
    }

    private static void checkZeros(ModuleResult result, ModuleRules rules, Workers workers) {
      LinearModule module = result.module();
      LongAdder zeros = new LongAdder();
      try (TilePairs buffers = TilePairs.of(workers.count())) {
        TileSource source = TilePairs.tiles(module, module.shard(), buffers.pruned());
        workers.run(
            source.tiles().count(),
            (worker, tile) ->
                zeros.add(
                    zeros(
                        module, source.read(worker, tile), source.tiles().firstRow(tile), rules)));
      }
      if (zeros.sum() != result.zeros()) {
        throw wrong(module, "expected %d zeros, found %d".formatted(result.zeros(), zeros.sum()));
      }
    }

    /** Counts the zeros of some rows, and checks that there are enough. */
    private static long zeros(
        LinearModule module, WeightMatrix weights, int firstRow, ModuleRules asked) {
      SelectionRule.Lowest rule = asked.perRow(weights.columns());
      RowCheck row = new RowCheck(weights.dtype(), weights.columns(), rule, asked.zerosArePruned());
      long zeros = 0;
      for (int index = 0; index < weights.rows(); index++) {
        row.read(weights, weights, index);
        if (asked.countsRows() && !row.hasItsZeros()) {
          throw wrong(
              module,
              "row %d: expected at least %d zeros in every %d columns, found less"
                  .formatted(firstRow + index, rule.perGroup(), rule.groupSize(weights.columns())));
        }
        zeros += row.zeros();
      }
      return zeros;
    }

    private static VerificationException wrong(LinearModule module, String what) {
      return new VerificationException(
          ErrorDetails.tensor(module.shard().path(), module.tensor().name()).said(what));
    }

    @Override
    public void close() {
      writers.values().forEach(ShardWriter::abandon);
      copies.close();
    }

    /**
     * The tiles of a module that is pruned in its own file. Before a tile overwrites its weights,
     * each element is checked to be +0.0 or the weight that was read; afterwards there is nothing
     * to compare with.
     */
    private static final class CheckedTiles extends ModuleTiles {
      private final LinearModule module;
      private final TileBuffers copies;

      CheckedTiles(
          LinearModule module,
          ShardWriter writer,
          TileBuffers buffers,
          TileBuffers copies,
          PhaseClock clock) {
        super(module, module.shard(), writer, buffers, clock);
        this.module = module;
        this.copies = copies;
        copies.reserve(largestBytes());
      }

      @Override
      public RowReader stored(int worker, int tile) {
        RowReader weights = super.stored(worker, tile);
        MemorySegment bytes = bytes(worker, tile);
        copies.of(worker, bytes.byteSize()).copyFrom(bytes);
        return weights;
      }

      @Override
      protected void checkChanges(int worker, int tile) {
        MemorySegment after = bytes(worker, tile);
        MemorySegment before = copies.of(worker, after.byteSize());
        if (after.byteSize() > 0
            && !(module.quantized() == null
                ? keepsOrZeroes(stored(before), stored(after))
                : keepsOrZeroes(codes(before, tile), codes(after, tile)))) {
          throw new VerificationException(
              ErrorDetails.tensor(module.shard().path(), module.tensor().name())
                  .said(
                      "a weight was to be changed to something else than 0;"
                          + " nothing of its tile was written"));
        }
      }

      private static boolean keepsOrZeroes(QuantizedMatrix before, QuantizedMatrix after) {
        return IntStream.range(0, after.rows()).allMatch(row -> after.keepsOrZeroes(before, row));
      }

      private static boolean keepsOrZeroes(WeightMatrix before, WeightMatrix after) {
        RowWords was = new RowWords(before.dtype(), before.columns());
        RowWords is = new RowWords(after.dtype(), after.columns());
        for (int row = 0; row < after.rows(); row++) {
          if (!is.keepsOrZeroes(is.read(after, row), was, was.read(before, row))) {
            return false;
          }
        }
        return true;
      }

      /** Returns rows as the file has them, whether or not these are the module's. */
      private WeightMatrix stored(MemorySegment bytes) {
        DType dtype = module.tensor().type().orElseThrow();
        int columns = module.tensor().columns();
        int rows = Math.toIntExact(bytes.byteSize() / ((long) columns * dtype.bytes()));
        return WeightMatrix.of(bytes, dtype, rows, columns);
      }
    }
  }
}
