package io.github.wandacuda.model.decoder;

import io.github.wandacuda.model.DecoderShape;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * A decoder: what it is made of, and what its tensors are called.
 *
 * @param shape its sizes
 * @param prefixes what all names but the output matrix's may begin with: as the language model is
 *     saved, and as the bare decoder is; the first one is named where none is found
 * @param embedding how it begins
 * @param blocks its blocks in their order
 * @param head how it ends
 */
public record DecoderDescription(
    DecoderShape shape,
    List<String> prefixes,
    EmbeddingDescription embedding,
    List<BlockDescription> blocks,
    HeadDescription head) {
  /**
   * Returns a decoder whose blocks are described one by one.
   *
   * @param block describes one by its index
   */
  public static DecoderDescription of(
      DecoderShape shape,
      List<String> prefixes,
      EmbeddingDescription embedding,
      IntFunction<BlockDescription> block,
      HeadDescription head) {
    List<BlockDescription> blocks = IntStream.range(0, shape.blocks()).mapToObj(block).toList();
    return new DecoderDescription(shape, prefixes, embedding, blocks, head);
  }

  /** Copies the lists. */
  public DecoderDescription {
    prefixes = List.copyOf(prefixes);
    blocks = List.copyOf(blocks);
  }
}
