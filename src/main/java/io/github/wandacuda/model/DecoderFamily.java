package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import java.util.function.Function;

/**
 * A family of decoders, which describes its models by their configs.
 *
 * @param modelType the {@code model_type} of its configs
 * @param architecture the {@code architectures} entry of its language models
 * @param description describes a model by its config
 */
public record DecoderFamily(
    String modelType, String architecture, Function<ModelConfig, DecoderDescription> description) {
  /**
   * Describes a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException if the config is wrong or asks for something
   *     that the forward pass doesn't compute
   */
  public DecoderDescription describe(ModelConfig config) {
    return description.apply(config.decoder());
  }

  /**
   * Returns the sizes of a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException as {@link #describe} does
   */
  public DecoderShape shape(ModelConfig config) {
    return describe(config).shape();
  }

  /**
   * Opens a model of this family.
   *
   * @param model its weights are read while the decoder is open
   * @param operations run the decoder
   * @param keeping how long its blocks' weights are used
   * @throws io.github.wandacuda.error.InputException as {@link #describe} does, and if a tensor is
   *     missing or of the wrong shape
   */
  public Decoder open(ModelDirectory model, Operations operations, WeightKeeping keeping) {
    return new Decoder(describe(model.config()), model, operations, keeping);
  }
}
