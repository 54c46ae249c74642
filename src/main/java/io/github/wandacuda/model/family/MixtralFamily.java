package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.Rotary;

/** Mixtral (Jiang et al., arXiv 2401.04088): Mistral with a mixture of experts. */
@AutoService(DecoderFamily.class)
public final class MixtralFamily implements DecoderFamily {
  private static final double DEFAULT_THETA = 1e6;
  private static final double DEFAULT_EPSILON = 1e-5;

  @Override
  public String modelType() {
    return "mixtral";
  }

  @Override
  public String architecture() {
    return "MixtralForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    Windows windows = Windows.of(config, 0, block -> true);
    int experts = config.positive("num_local_experts");
    return new LlamaStyle(config, 0, DEFAULT_EPSILON) {
      @Override
      boolean projectionBias() {
        return false;
      }

      @Override
      Rotary rotary() {
        return RotaryFrequencies.of(config, heads().size(), DEFAULT_THETA);
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }

      @Override
      MlpDescription mlp(int block) {
        String name = in(block, "block_sparse_moe.");
        return Experts.mixture(
            config,
            LinearDescription.of(name + "gate", experts, hidden, false),
            true,
            expert -> expert(name + "experts." + expert + "."),
            null);
      }

      private MlpDescription expert(String name) {
        int wide = config.positive("intermediate_size");
        return new MlpDescription.Gated(
            LinearDescription.of(name + "w1", wide, hidden, false),
            LinearDescription.of(name + "w3", wide, hidden, false),
            activation(),
            LinearDescription.of(name + "w2", hidden, wide, false));
      }
    }.decoder();
  }
}
