package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelConfig;
import java.util.Set;

/**
 * LLaMA, LLaMA-2 and Llama-3 (Touvron et al., arXiv 2302.13971 and 2307.09288; arXiv 2407.21783).
 */
public final class LlamaFamily implements DecoderFamily {
  private static final Set<String> ARCHITECTURES = Set.of("LlamaForCausalLM", "LlamaModel", "");

  @Override
  public boolean matches(ModelConfig config) {
    boolean named = config.architecture().equals("LlamaForCausalLM");
    return named
        || (config.modelType().equals("llama") && ARCHITECTURES.contains(config.architecture()));
  }

  @Override
  public DecoderShape shape(ModelConfig config) {
    LlamaConfig llama = LlamaConfig.of(config);
    return new DecoderShape(
        llama.blocks(), llama.hiddenSize(), llama.vocabulary(), llama.maximumLength());
  }

  @Override
  public Decoder open(ModelConfig config, Checkpoint checkpoint, Operations operations) {
    return new LlamaDecoder(LlamaConfig.of(config), checkpoint, operations);
  }
}
