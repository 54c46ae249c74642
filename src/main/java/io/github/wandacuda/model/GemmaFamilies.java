package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;

/** The families of Gemma. */
final class GemmaFamilies {
  private static final int GEMMA2_WINDOW = 4096;
  private static final double GEMMA2_SCALAR = 256;
  private static final double GEMMA2_SCORE_CAP = 50;
  private static final double GEMMA2_LOGIT_CAP = 30;

  private GemmaFamilies() {}

  /** Gemma (arXiv 2403.08295): LLaMA with larger embeddings, gains around 1 and a GELU. */
  static DecoderDescription gemma(ModelConfig config) {
    return new Style(config).decoder();
  }

  /** What the Gemma families share. */
  private static class Style extends LlamaStyle {
    private static final int DEFAULT_HEAD_SIZE = 256;
    private static final String ACTIVATION = "hidden_activation";

    Style(ModelConfig config) {
      super(config, DEFAULT_HEAD_SIZE, 1e-6);
    }

    /**
     * The first configs say gelu and mean its tanh form, which {@code hidden_activation} came to
     * say.
     */
    @Override
    final Activation activation() {
      if (config.find(ACTIVATION).isPresent()) {
        return Activations.of(config, ACTIVATION, "");
      }
      Activation old = Activations.of(config, "hidden_act", "gelu_pytorch_tanh");
      return old == Activation.GELU ? Activation.GELU_TANH : old;
    }

    @Override
    final float gainOffset() {
      return 1;
    }

    @Override
    final EmbeddingDescription embedding() {
      return new EmbeddingDescription(
          "embed_tokens.weight", hidden, null, (float) Math.sqrt(hidden), null, null);
    }
  }

  /**
   * Gemma 2 (arXiv 2408.00118): Gemma with norms after its branches too, bounded scores and logits,
   * and a window in every second block.
   */
  static DecoderDescription gemma2(ModelConfig config) {
    Windows windows = Windows.of(config, GEMMA2_WINDOW, block -> block % 2 == 0);
    float scale = (float) (1 / Math.sqrt(config.number("query_pre_attn_scalar", GEMMA2_SCALAR)));
    float scoreCap = cap(config, "attn_logit_softcapping", GEMMA2_SCORE_CAP);
    float logitCap = cap(config, "final_logit_softcapping", GEMMA2_LOGIT_CAP);
    return new Style(config) {
      @Override
      Scores scores(int block) {
        return new Scores(scale, scoreCap, windows.at(block), null);
      }

      @Override
      BranchNorms attentionNorms(int block) {
        return BranchNorms.around(
            norm(in(block, "input_layernorm"), hidden),
            norm(in(block, "post_attention_layernorm"), hidden));
      }

      @Override
      BranchNorms mlpNorms(int block) {
        return BranchNorms.around(
            norm(in(block, "pre_feedforward_layernorm"), hidden),
            norm(in(block, "post_feedforward_layernorm"), hidden));
      }

      @Override
      HeadDescription head() {
        return new HeadDescription(norm("norm", hidden), null, "lm_head.weight", logitCap);
      }
    }.decoder();
  }

  /** Reads a bound; returns 0 for null, which means none. */
  private static float cap(ModelConfig config, String key, double otherwise) {
    boolean none = config.has(key) && config.find(key).isEmpty();
    return none ? 0 : (float) config.number(key, otherwise);
  }
}
