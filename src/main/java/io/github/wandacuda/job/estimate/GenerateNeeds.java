package io.github.wandacuda.job.estimate;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.evaluate.PackedSpeed;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.SpaceCheck;
import java.util.Optional;
import java.util.function.Predicate;

/** The memory that a generation needs for weights and cache, and the bytes that a token reads. */
public final class GenerateNeeds {
  private GenerateNeeds() {}

  /**
   * How packed weights are kept in memory.
   *
   * @param weights whether they stay packed
   * @param why in words for a user; nothing if no weight is packed
   */
  public record Keeping(WeightKeeping weights, Optional<String> why) {
    private static Keeping faster(PackedSpeed speed) {
      return new Keeping(
          speed.faster(),
          Optional.of(
              speed.isBetterUnpacked()
                  ? "packed weights are unpacked: %.2f times as fast as packed ones"
                      .formatted(1 / speed.packedTimesAsFast())
                  : "packed weights are kept packed: %.2f times as fast as unpacked ones"
                      .formatted(speed.packedTimesAsFast())));
    }

    /**
     * Returns how many bytes of weights a token reads: all but an embedding table that the head
     * doesn't share. Of a mixture of experts it is the most that a token can read, whichever
     * experts are chosen.
     */
    public long tokenBytes(ModelDirectory model, Operations operations) {
      return GenerateNeeds.tokenBytes(
          model, weights == WeightKeeping.RESIDENT ? operations::multipliesSparse : dtype -> false);
    }
  }

  /**
   * Chooses how packed weights are kept, by the memory that there is and by their speed.
   *
   * @param operations of the device that generates
   * @param length tokens of the sequence at most
   * @throws io.github.wandacuda.error.UsageException if memory has no room for the weights and the
   *     cache
   */
  public static Keeping keeping(ModelDirectory model, Operations operations, int length) {
    long bytes = bytes(model, operations::multipliesSparse, length);
    SpaceCheck.requireMemory(bytes, "its weights and cache stay in memory");
    long unpacked = bytes(model, dtype -> false, length);
    if (bytes < unpacked && !fits(unpacked, operations)) {
      return new Keeping(
          WeightKeeping.RESIDENT,
          Optional.of("packed weights are kept packed: memory has no room for unpacked ones"));
    }
    return PackedSpeed.measure(model, operations)
        .map(Keeping::faster)
        .orElse(new Keeping(WeightKeeping.RESIDENT, Optional.empty()));
  }

  /**
   * Returns whether a device's memory has room for weights, which would otherwise cross the bus for
   * each token.
   */
  private static boolean fits(long bytes, Operations operations) {
    long rows = Math.ceilDiv(bytes, Float.BYTES);
    return bytes <= MachineFacts.availableMemory() && operations.hostBytes(rows, 1).orElse(0) == 0;
  }

  /**
   * Returns the bytes of weights and of a cache.
   *
   * @param packed the types of which packed weights stay packed
   * @param tokens that the cache has room for
   */
  public static long bytes(ModelDirectory model, Predicate<DType> packed, long tokens) {
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    long cache = 0;
    for (int block = 0; block < description.shape().blocks(); block++) {
      for (var kept : description.block().apply(block).attention().kept()) {
        long rows = kept.rows() > 0 ? kept.rows() : tokens;
        cache += rows * kept.columns() * Float.BYTES;
      }
    }
    return cache + model.checkpoint().tensors().mapToLong(entry -> bytes(entry, packed)).sum();
  }

  private static long tokenBytes(ModelDirectory model, Predicate<DType> packed) {
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    Checkpoint checkpoint = model.checkpoint();
    boolean ownHead = checkpoint.find(description.head().weight()).isPresent();
    String table = description.embedding().table();
    return checkpoint
        .tensors()
        .filter(entry -> !(ownHead && entry.info().name().endsWith(table)))
        .mapToLong(entry -> bytes(entry, packed))
        .sum();
  }

  private static long bytes(Checkpoint.Entry entry, Predicate<DType> packed) {
    if (entry.info().type().filter(packed).isEmpty()) {
      return entry.info().bytes();
    }
    return PackedModule.of(entry).map(PackedModule::bytes).orElse(entry.info().bytes());
  }
}
