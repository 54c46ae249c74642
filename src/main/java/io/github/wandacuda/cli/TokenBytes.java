package io.github.wandacuda.cli;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.util.Optional;

/** The bytes of a model's weights in memory, and of those that a token reads. */
final class TokenBytes {
  private TokenBytes() {}

  /**
   * Returns the bytes of all weights but an embedding that isn't the head too: what a token reads,
   * or of a mixture of experts what it could.
   *
   * @param operations where the weights are, packed or not
   */
  static long of(ModelDirectory model, Operations operations) {
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    Checkpoint checkpoint = model.checkpoint();
    boolean ownHead = checkpoint.find(description.head().weight()).isPresent();
    String table = description.embedding().table();
    return checkpoint.tensors().stream()
        .filter(entry -> !(ownHead && entry.info().name().endsWith(table)))
        .mapToLong(entry -> bytes(entry, operations))
        .sum();
  }

  /**
   * Returns the bytes of all weights.
   *
   * @param operations where the weights are, packed or not
   */
  static long ofAll(ModelDirectory model, Operations operations) {
    return model.checkpoint().tensors().stream().mapToLong(entry -> bytes(entry, operations)).sum();
  }

  private static long bytes(Checkpoint.Entry entry, Operations operations) {
    Optional<DType> dtype = entry.info().type();
    if (dtype.isEmpty() || !operations.multipliesSparse(dtype.get())) {
      return entry.info().bytes();
    }
    return PackedModule.of(entry).map(PackedModule::bytes).orElse(entry.info().bytes());
  }
}
