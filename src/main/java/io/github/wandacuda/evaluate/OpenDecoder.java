package io.github.wandacuda.evaluate;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.OnFailure;

/**
 * A decoder that generates, with its weights in memory.
 *
 * @param decoder whose weights both use; closed with this
 * @param cached goes through one sequence; closed with this
 */
public record OpenDecoder(Decoder decoder, CachedDecoder cached) implements AutoCloseable {
  /**
   * Opens a decoder.
   *
   * @param operations run it and stay open until this is closed
   * @param keeping how the weights are kept, resident for speed
   * @param length tokens of the sequence at most, 1 or more
   * @return a decoder for the caller to close
   */
  public static OpenDecoder of(
      ModelDirectory model, Operations operations, WeightKeeping keeping, int length) {
    Decoder decoder = DecoderFamilies.of(model.config()).open(model, operations, keeping);
    return OnFailure.close(
        decoder::close, () -> new OpenDecoder(decoder, new CachedDecoder(decoder, length)));
  }

  @Override
  public void close() {
    cached.close();
    decoder.close();
  }
}
