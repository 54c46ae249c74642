package io.github.wandacuda.model.family;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.decoder.DescribedDecoder;
import io.github.wandacuda.model.decoder.WeightKeeping;

/**
 * A family of decoders, which describes its models by their configs. Families are found by {@link
 * java.util.ServiceLoader}; the build registers those with the annotation {@code @AutoService}.
 */
public interface DecoderFamily {
  /** Returns the {@code model_type} of this family's configs. */
  String modelType();

  /** Returns the {@code architectures} entry of its language models. */
  String architecture();

  /**
   * Describes a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException if the config is wrong or asks for something
   *     that the forward pass doesn't compute
   */
  DecoderDescription describe(ModelConfig config);

  /**
   * Returns the sizes of a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException as {@link #describe} does
   */
  default DecoderShape shape(ModelConfig config) {
    return describe(config).shape();
  }

  /**
   * Opens a model of this family.
   *
   * @param checkpoint its weights, read while the decoder is open
   * @throws io.github.wandacuda.error.InputException as {@link #describe} does, and if a tensor is
   *     missing or of the wrong shape
   */
  default Decoder open(ModelConfig config, Checkpoint checkpoint, Operations operations) {
    return open(config, checkpoint, operations, WeightKeeping.WHILE_OPEN);
  }

  /**
   * Opens a model of this family, as {@link #open(ModelConfig, Checkpoint, Operations)} does.
   *
   * @param keeping how long its blocks' weights are used
   */
  default Decoder open(
      ModelConfig config, Checkpoint checkpoint, Operations operations, WeightKeeping keeping) {
    return new DescribedDecoder(describe(config), checkpoint, operations, keeping);
  }
}
