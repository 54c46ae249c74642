package io.github.wandacuda.model;

import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder: its parts and the names of its tensors. Blocks and experts are described when they are
 * asked for, since a config may claim a billion of them.
 *
 * @param prefixes what the names of all tensors but the output matrix may begin with: that of a
 *     language model and that of a bare decoder. An error names the first one if none is found
 * @param block describes one of its blocks by its index, from 0 to {@code shape.blocks() - 1}
 * @param head how hidden states become logits
 */
public record DecoderDescription(
    DecoderShape shape,
    List<String> prefixes,
    EmbeddingDescription embedding,
    IntFunction<BlockDescription> block,
    HeadDescription head) {
  /** Copies the list, and describes a block, which checks most of a config. */
  public DecoderDescription {
    prefixes = List.copyOf(prefixes);
    Objects.requireNonNull(block.apply(0));
  }

  /**
   * Returns the full names of the linear modules whose outputs are added to a model's hidden
   * states.
   */
  public List<String> outputs(ModelDirectory model) {
    DecoderTensors tensors = DecoderTensors.of(model, this);
    return blocks()
        .flatMap(BlockDescription::outputs)
        .map(linear -> tensors.fullName(linear.name()))
        .toList();
  }

  /** Returns all blocks, described one after the other. */
  public Stream<BlockDescription> blocks() {
    return IntStream.range(0, shape.blocks()).mapToObj(block);
  }

  /** Returns the linear modules of all blocks, described one after the other. */
  public Stream<LinearDescription> linears() {
    return blocks().flatMap(BlockDescription::linears);
  }
}
