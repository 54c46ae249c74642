package io.github.wandacuda.model.decoder;

import io.github.wandacuda.model.description.MlpDescription;
import java.lang.foreign.Arena;

/** Loads what a {@link MlpDescription} says. */
final class Mlps {
  private Mlps() {}

  static Branch load(
      DecoderWeights weights, Workspace workspace, MlpDescription description, Arena arena) {
    if (description instanceof MlpDescription.Plain plain) {
      return new PlainMlp(weights, workspace, plain, arena);
    }
    if (description instanceof MlpDescription.Gated gated) {
      return new GatedMlp(weights, workspace, gated, arena);
    }
    if (description instanceof MlpDescription.FusedGated fused) {
      return new GatedMlp(weights, workspace, fused, arena);
    }
    return new ExpertsMlp(weights, workspace, (MlpDescription.Experts) description, arena);
  }
}
