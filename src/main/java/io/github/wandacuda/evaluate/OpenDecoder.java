package io.github.wandacuda.evaluate;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;

/** A decoder that generates, with its weights in memory. */
public record OpenDecoder(Decoder decoder, CachedDecoder cached) implements AutoCloseable {
  /**
   * Opens a decoder.
   *
   * @param length tokens of the sequence at most
   */
  public static OpenDecoder of(
      ModelDirectory model, Operations operations, WeightKeeping keeping, int length) {
    Decoder decoder = DecoderFamilies.of(model.config()).open(model, operations, keeping);
    try {
      return new OpenDecoder(decoder, new CachedDecoder(decoder, length));
    } catch (RuntimeException | Error e) {
      decoder.close();
      throw e;
    }
  }

  @Override
  public void close() {
    cached.close();
    decoder.close();
  }
}
