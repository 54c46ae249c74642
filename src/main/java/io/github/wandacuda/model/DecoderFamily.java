package io.github.wandacuda.model;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.checkpoint.Checkpoint;

/** A kind of decoder whose forward pass is known. */
public interface DecoderFamily {
  /** Returns whether a model's config says that it is of this family. */
  boolean matches(ModelConfig config);

  /**
   * Returns the sizes of a model of this family.
   *
   * @throws io.github.wandacuda.error.InputException if the config asks for what is not computed
   */
  DecoderShape shape(ModelConfig config);

  /**
   * Opens a model of this family.
   *
   * @param checkpoint its weights, read while the decoder is open
   * @throws io.github.wandacuda.error.InputException if a tensor is missing or of the wrong shape
   */
  Decoder open(ModelConfig config, Checkpoint checkpoint, Operations operations);
}
