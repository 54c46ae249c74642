package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A model's own shards while they are pruned.
 *
 * <p>If a row or group was pruned in part, pruning it again gives the same result: a zero has the
 * lowest possible score, so the weights that are zero already are selected again, and the order of
 * the others is unchanged. That isn't true of a threshold over a whole matrix, since the new zeros
 * shift the ranks of the others. So such a threshold is written to the journal and forced to the
 * device before the first weight of its matrix is changed.
 */
final class InPlaceShards implements ShardTarget, AutoCloseable {
  private static final String THRESHOLD = "threshold";
  private static final String BITS = "bits";

  private final Journal journal;
  private final TileBuffers copies;
  private final Map<String, Float> thresholds = new HashMap<>();
  private final Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();

  /** Opens the shards for writing; the records are those of an interrupted run. */
  public InPlaceShards(
      Checkpoint model,
      Set<TensorInfo> pruned,
      Journal journal,
      List<JsonNode> records,
      TileBuffers copies,
      DirectIo io) {
    this.journal = journal;
    this.copies = copies;
    for (JsonNode record : records) {
      if (record.has(THRESHOLD)) {
        thresholds.put(record.get(THRESHOLD).asText(), threshold(record, journal));
      }
    }
    try {
      for (SafetensorsFile shard : model.shards()) {
        if (shard.tensors().stream().anyMatch(pruned::contains)) {
          writers.put(shard, ShardWriter.inPlace(shard, tensor -> !pruned.contains(tensor), io));
        }
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
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

  /** Closes the shards, with all that was written forced to the device. */
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
   * Checks modules by reading the files again, once they are {@link #finish finished}. A weight's
   * bytes must have the checksum of what was written, which was checked before it was; and every
   * row, group or matrix must have enough zeros.
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
                  zeros(module, source.read(worker, tile), source.tiles().firstRow(tile), rules)));
    }
    if (zeros.sum() != result.zeros()) {
      throw wrong(module, "expected %d zeros, found %d".formatted(result.zeros(), zeros.sum()));
    }
  }

  /** Returns the number of zeros in some rows, and checks that there are enough. */
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
   * The tiles of a module that is pruned in its own file. Before a tile is written over its
   * weights, each element is checked to be +0.0 or the weight that was read, since afterwards there
   * is nothing to compare with.
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
    public WeightMatrix read(int worker, int tile) {
      WeightMatrix weights = super.read(worker, tile);
      MemorySegment bytes = bytes(worker, tile);
      copies.of(worker, bytes.byteSize()).copyFrom(bytes);
      return weights;
    }

    @Override
    void checkChanges(int worker, int tile) {
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
