package io.github.wandacuda.model.description;

import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder: what it is made of, and what its tensors are called. Blocks and experts are described
 * when they are asked for, since their numbers are a config's word, which may be a billion.
 *
 * @param shape its sizes
 * @param prefixes what all names but the output matrix's may begin with: as the language model is
 *     saved, and as the bare decoder is; the first one is named where none is found
 * @param embedding how it begins
 * @param block describes one of its blocks by its index, from 0 to {@code shape.blocks() - 1}
 * @param head how it ends
 */
public record DecoderDescription(
    DecoderShape shape,
    List<String> prefixes,
    EmbeddingDescription embedding,
    IntFunction<BlockDescription> block,
    HeadDescription head) {
  /** Copies the list, and describes a block, since that is where most of a config is checked. */
  public DecoderDescription {
    prefixes = List.copyOf(prefixes);
    Objects.requireNonNull(block.apply(0));
  }

  /** Returns the linear modules of all blocks, described one after the other. */
  public Stream<LinearDescription> linears() {
    return IntStream.range(0, shape.blocks()).mapToObj(block).flatMap(Linears::of);
  }
}
