package io.github.wandacuda.cli;

import io.github.wandacuda.job.output.SpaceCheck;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;

/** The memory that a generation needs, weights and cache, which is checked before it is taken. */
final class GenerateNeeds {
  private GenerateNeeds() {}

  /**
   * Checks that there is memory.
   *
   * @throws io.github.wandacuda.error.UsageException if there isn't
   */
  static void require(ModelDirectory model, int promptTokens, int newTokens) {
    long tokens = (long) promptTokens + newTokens;
    var description = DecoderFamilies.of(model.config()).describe(model.config());
    long cache = 0;
    for (int block = 0; block < description.shape().blocks(); block++) {
      var heads = description.block().apply(block).attention().heads();
      cache += 2L * heads.keyValueWidth() * Float.BYTES * tokens;
    }
    SpaceCheck.requireMemory(
        model.checkpoint().totalBytes() + cache, "its weights and cache stay in memory");
  }
}
