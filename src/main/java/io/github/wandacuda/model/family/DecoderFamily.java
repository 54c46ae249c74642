package io.github.wandacuda.model.family;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.decoder.DescribedDecoder;
import io.github.wandacuda.model.description.DecoderDescription;
import io.github.wandacuda.model.description.DecoderShape;

/**
 * A kind of decoder whose forward pass is known: it says what a model is made of. Families are
 * found by {@link java.util.ServiceLoader}; one that carries the annotation {@code @AutoService} is
 * registered by the build.
 */
public interface DecoderFamily {
  /** Returns the {@code model_type} of this family's configs. */
  String modelType();

  /** Returns the {@code architectures} entry of its language models. */
  String architecture();

  /**
   * Describes a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException if the config asks for what is not computed
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
    return new DescribedDecoder(describe(config), checkpoint, operations);
  }
}
