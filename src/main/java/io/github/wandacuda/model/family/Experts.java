package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.description.LinearDescription;
import io.github.wandacuda.model.description.MlpDescription;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** What mixtures of experts have in common, in their configs too. */
final class Experts {
  private static final String PER_TOKEN = "num_experts_per_tok";
  private static final String DENSE_BLOCKS = "mlp_only_layers";

  private Experts() {}

  /**
   * Describes a mixture.
   *
   * @param router logits of the experts, [experts, hidden]
   * @param renormalize whether the chosen experts' weights are to add up to 1
   * @param expert describes one by its number
   * @param shared what every token goes through besides, or null
   */
  static MlpDescription.Experts mixture(
      ModelConfig config,
      LinearDescription router,
      boolean renormalize,
      IntFunction<MlpDescription> expert,
      MlpDescription.SharedExpert shared) {
    return new MlpDescription.Experts(
        router, perToken(config, router.rows()), renormalize, expert, shared);
  }

  /** Reads how many of the experts a token goes to. */
  private static int perToken(ModelConfig config, int experts) {
    int count = config.positive(PER_TOKEN);
    if (count > experts) {
      throw config.wrong(
          PER_TOKEN, "at most the %d experts".formatted(experts), config.root().get(PER_TOKEN));
    }
    return count;
  }

  /**
   * Reads which of a Qwen's blocks have a plain MLP: those of {@code mlp_only_layers}, and all but
   * every {@code decoder_sparse_step}-th.
   */
  static IntPredicate denseBlocks(ModelConfig config) {
    int step = config.positive("decoder_sparse_step", 1);
    Set<Integer> listed = new HashSet<>();
    for (JsonNode block : config.list(DENSE_BLOCKS)) {
      if (!block.isInt()) {
        throw config.wrong(DENSE_BLOCKS, "whole numbers", block);
      }
      listed.add(block.intValue());
    }
    return block -> listed.contains(block) || (block + 1) % step != 0;
  }
}
