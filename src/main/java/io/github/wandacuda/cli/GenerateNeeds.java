package io.github.wandacuda.cli;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.SpaceCheck;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.util.Optional;

/** The memory that a generation needs, weights and cache, and what a token reads of it. */
final class GenerateNeeds {
  private GenerateNeeds() {}

  /** Checks that there is memory, where weights are packed if the operations multiply them so. */
  static void require(
      ModelDirectory model, Operations operations, int promptTokens, int newTokens) {
    SpaceCheck.requireMemory(
        bytes(model, operations, (long) promptTokens + newTokens),
        "its weights and cache stay in memory");
  }

  /** Returns the bytes of the weights, packed where they stay so, and of a cache of tokens. */
  static long bytes(ModelDirectory model, Operations operations, long tokens) {
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    long cache = 0;
    for (int block = 0; block < description.shape().blocks(); block++) {
      var heads = description.block().apply(block).attention().heads();
      cache += 2L * heads.keyValueWidth() * Float.BYTES * tokens;
    }
    return cache
        + model.checkpoint().tensors().stream().mapToLong(entry -> bytes(entry, operations)).sum();
  }

  /**
   * Returns the bytes of all weights but an embedding that isn't the head too: what a token reads,
   * or of a mixture of experts what it could.
   */
  static long tokenBytes(ModelDirectory model, Operations operations) {
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    Checkpoint checkpoint = model.checkpoint();
    boolean ownHead = checkpoint.find(description.head().weight()).isPresent();
    String table = description.embedding().table();
    return checkpoint.tensors().stream()
        .filter(entry -> !(ownHead && entry.info().name().endsWith(table)))
        .mapToLong(entry -> bytes(entry, operations))
        .sum();
  }

  private static long bytes(Checkpoint.Entry entry, Operations operations) {
    Optional<DType> dtype = entry.info().type();
    if (dtype.isEmpty() || !operations.multipliesSparse(dtype.get())) {
      return entry.info().bytes();
    }
    return PackedModule.of(entry).map(PackedModule::bytes).orElse(entry.info().bytes());
  }
}
