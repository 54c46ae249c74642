package io.github.wandacuda.model.family;

import io.github.wandacuda.model.DecoderFamily;
import java.util.List;

/** The families that the program knows, for tests of what is said of them. */
public final class KnownFamilies {
  private KnownFamilies() {}

  /** Returns all, a model type with several architectures as often. */
  public static List<DecoderFamily> all() {
    return DecoderFamilies.KNOWN;
  }

  /** Returns the model types in the order in which messages name them. */
  public static List<String> modelTypes() {
    return all().stream().map(DecoderFamily::modelType).distinct().toList();
  }
}
