package io.github.wandacuda.model;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.llama.LlamaFamily;
import java.util.List;

/** The decoder families whose forward pass is known. */
public final class DecoderFamilies {
  private static final List<DecoderFamily> KNOWN = List.of(new LlamaFamily());

  private DecoderFamilies() {}

  /**
   * Returns the family of a model.
   *
   * @throws InputException if it is none of the known ones
   */
  public static DecoderFamily of(ModelConfig config) {
    return KNOWN.stream()
        .filter(family -> family.matches(config))
        .findFirst()
        .orElseThrow(
            () ->
                new InputException(
                    ("%s: no forward pass for architecture '%s' (model_type '%s'); known is"
                            + " LlamaForCausalLM; 'prune --statistics' and 'prune --method"
                            + " magnitude' need none and work all the same")
                        .formatted(config.file(), config.architecture(), config.modelType())));
  }
}
