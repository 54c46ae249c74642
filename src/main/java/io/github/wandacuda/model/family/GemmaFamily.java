package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.EmbeddingDescription;
import io.github.wandacuda.model.ModelConfig;

/** Gemma (arXiv 2403.08295): LLaMA with larger embeddings, gains around 1 and a GELU. */
@AutoService(DecoderFamily.class)
public final class GemmaFamily implements DecoderFamily {
  @Override
  public String modelType() {
    return "gemma";
  }

  @Override
  public String architecture() {
    return "GemmaForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    return new Style(config).decoder();
  }

  /** What the Gemma families share. */
  static class Style extends LlamaStyle {
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
}
