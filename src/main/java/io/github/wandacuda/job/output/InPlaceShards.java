package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.job.record.Journal;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.select.SelectionRule;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A model's own shards while they are pruned.
 *
 * <p>If a row or group was pruned in part, pruning it again gives the same result: a zero has the
 * lowest possible score, so the weights that are zero already are selected again, and the order of
 * the others is unchanged. That isn't true of a threshold over a whole matrix, since the new zeros
 * shift the ranks of the others. So such a threshold is written to the journal and forced to the
 * device before the first weight of its matrix is changed.
 */
public final class InPlaceShards implements ShardTarget, AutoCloseable {
  private static final String THRESHOLD = "threshold";
  private static final String BITS = "bits";

  private final Journal journal;
  private final TileBuffers copies;
  private final Map<String, Float> thresholds = new HashMap<>();
  private final Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();

  /**
   * Opens the shards for writing.
   *
   * @param pruned the tensors that will be written
   * @param records the journal's records of an interrupted run
   * @param memory memory for copies of tiles
   * @param io how the shards are written
   */
  public InPlaceShards(
      Checkpoint model,
      Set<TensorInfo> pruned,
      Journal journal,
      List<JsonNode> records,
      TileMemory memory,
      DirectIo io) {
    this.journal = journal;
    copies = new TileBuffers(memory);
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
      throw new InputException(
          ErrorDetails.file(journal.file())
              .part("threshold of " + Printable.of(record.get(THRESHOLD).asText()))
              .expected("the bits of a number from 0 on", Printable.of(bits.toString()))
              .hint("the model may be pruned in part: take a new copy of it"));
    }
    return threshold;
  }

  @Override
  public ShardWriter of(LinearModule module) {
    return writers.get(module.shard());
  }

  @Override
  public TileSource through(LinearModule module, ModuleTiles tiles) {
    return new CheckedTiles(module, tiles, copies);
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

  @Override
  public void done(ModuleResult result) {}

  /** Returns the CRC-32C of the bytes that were written of a module's weight. */
  public int checksum(LinearModule module) {
    return of(module).checksum(module.tensor());
  }

  /**
   * Closes the shards, with all that was written forced to the device.
   *
   * @throws io.github.wandacuda.error.OutputException if that fails or a byte wasn't written
   */
  public void finish() {
    writers
        .values()
        .forEach(
            writer -> {
              writer.force();
              writer.close();
            });
  }

  @Override
  public void close() {
    writers.values().forEach(ShardWriter::abandon);
    copies.close();
  }
}
