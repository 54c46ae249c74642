package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.HeadDescription;
import io.github.wandacuda.model.ModelConfig;

/**
 * Gemma 2 (arXiv 2408.00118): Gemma with norms after its branches too, bounded scores and logits,
 * and a window in every second block.
 */
@AutoService(DecoderFamily.class)
public final class Gemma2Family implements DecoderFamily {
  private static final int DEFAULT_WINDOW = 4096;
  private static final double DEFAULT_SCALAR = 256;
  private static final double DEFAULT_SCORE_CAP = 50;
  private static final double DEFAULT_LOGIT_CAP = 30;

  @Override
  public String modelType() {
    return "gemma2";
  }

  @Override
  public String architecture() {
    return "Gemma2ForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    Windows windows = Windows.of(config, DEFAULT_WINDOW, block -> block % 2 == 0);
    float scale = (float) (1 / Math.sqrt(config.number("query_pre_attn_scalar", DEFAULT_SCALAR)));
    float scoreCap = cap(config, "attn_logit_softcapping", DEFAULT_SCORE_CAP);
    float logitCap = cap(config, "final_logit_softcapping", DEFAULT_LOGIT_CAP);
    return new GemmaFamily.Style(config) {
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
