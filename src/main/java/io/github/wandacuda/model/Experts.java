package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** Describes the mixtures of experts of several families from their configs. */
final class Experts {
  private static final String PER_TOKEN = "num_experts_per_tok";
  private static final String DENSE_BLOCKS = "mlp_only_layers";

  private Experts() {}

  /**
   * Describes a mixture.
   *
   * @param router [experts, hidden], which makes a logit for each expert
   * @param renormalize whether the chosen experts' weights are divided by their sum
   * @param expert describes an expert by its index
   * @param shared the expert of all tokens, or null
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

  /** Reads how many of the experts a token is sent to. */
  private static int perToken(ModelConfig config, int experts) {
    int count = config.positive(PER_TOKEN);
    if (count > experts) {
      throw config.wrong(
          PER_TOKEN, "at most the %d experts".formatted(experts), config.root().get(PER_TOKEN));
    }
    return count;
  }

  /**
   * Reads which blocks of a Qwen model have an MLP without experts: those of {@code
   * mlp_only_layers}, and all but every {@code decoder_sparse_step}-th.
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
