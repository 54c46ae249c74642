package io.github.wandacuda.model;

import io.github.wandacuda.model.BlockDescription.Experts;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder: its parts and the names of its tensors. Blocks and experts are described when they are
 * asked for, since a config may claim a billion of them.
 *
 * @param shape its sizes
 * @param prefixes what the names of all tensors but the output matrix may begin with: that of a
 *     language model and that of a bare decoder. An error names the first one if none is found
 * @param embedding how token ids become hidden states
 * @param block describes one of its blocks by its index, from 0 to {@code shape.blocks() - 1}
 * @param head how hidden states become logits
 */
public record DecoderDescription(
    DecoderShape shape,
    List<String> prefixes,
    EmbeddingDescription embedding,
    IntFunction<BlockDescription> block,
    HeadDescription head) {
  /** Tokens that run through a block together, at least. */
  public static final int BATCH_TOKENS = 2048;

  /**
   * The most tokens that run through a block together; activations then take four times as much
   * memory as with the fewest.
   */
  private static final int MOST_BATCH_TOKENS = 8192;

  /**
   * How many tokens an expert is to get of a batch, on average. Packing its weights takes as long
   * as their products with some 50 tokens: Qwen3-30B-A3B's experts, which get 128 of {@value
   * #BATCH_TOKENS}, took 7 % more processor time with those.
   */
  private static final int EXPERT_TOKENS = 512;

  /**
   * Copies the list, and describes the first block, by which most of a config is checked at once.
   *
   * @throws io.github.wandacuda.error.InputException if the config is wrong or asks for something
   *     that the forward pass doesn't compute
   */
  public DecoderDescription {
    prefixes = List.copyOf(prefixes);
    Objects.requireNonNull(block.apply(0));
  }

  /**
   * Returns how many tokens run through a block together: more for a mixture, so that each expert
   * gets enough of them. Whether it is one is read from its last block, since the first ones may be
   * dense. Sums over a batch are rounded by this number, so it depends on the model alone.
   */
  public int batchTokens() {
    if (!(block.apply(shape.blocks() - 1).mlp() instanceof Experts experts)) {
      return BATCH_TOKENS;
    }
    long wanted = (long) EXPERT_TOKENS * experts.router().rows() / experts.rule().expertsPerToken();
    return Math.clamp(wanted, BATCH_TOKENS, MOST_BATCH_TOKENS);
  }

  /**
   * Returns the full names of the linear modules whose outputs are added to a model's hidden
   * states: the last ones of each block's two branches.
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
