package io.github.wandacuda.cli;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.SpaceCheck;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;

/** The memory that a generation needs, weights and cache, which is checked before it is taken. */
final class GenerateNeeds {
  private GenerateNeeds() {}

  /**
   * Checks that there is memory.
   *
   * @param operations where the weights will be
   * @throws io.github.wandacuda.error.UsageException if there isn't
   */
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
    return TokenBytes.ofAll(model, operations) + cache;
  }
}
