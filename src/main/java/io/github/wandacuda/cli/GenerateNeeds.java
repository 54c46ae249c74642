package io.github.wandacuda.cli;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.util.function.Predicate;

/** The memory that a generation needs, weights and cache, and what a token reads of it. */
final class GenerateNeeds {
  private GenerateNeeds() {}

  /** Returns the bytes of weights, which of some types stay packed, and of a cache of tokens. */
  static long bytes(ModelDirectory model, Predicate<DType> packed, long tokens) {
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

  /**
   * Returns the bytes of all weights but an embedding that isn't the head too: what a token reads,
   * or of a mixture of experts what it could.
   */
  static long tokenBytes(ModelDirectory model, Predicate<DType> packed) {
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
