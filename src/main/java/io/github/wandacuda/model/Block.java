package io.github.wandacuda.model;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One decoder block, loaded and ready to run. */
public interface Block extends AutoCloseable {
  /**
   * Runs the block.
   *
   * @param hidden [tokens, hidden size], whole sequences one below the other; replaced by the
   *     block's output
   * @param sequenceLength tokens of a sequence
   * @param observer sees the linear modules' inputs
   */
  void forward(Tensor hidden, int sequenceLength, InputObserver observer);

  /**
   * Runs the block on the tokens that follow those of a cache, and keeps their keys and values.
   * What a token gets is what {@link #forward} gives it among the whole sequence; to the bit on the
   * CPU.
   *
   * @param hidden [tokens, hidden size]; replaced by the block's output
   * @param cache its capacity is enough; the caller counts the tokens after the last block
   */
  void extend(Tensor hidden, KeyValueCache cache);

  /**
   * Runs the block only as far as its last linear module's input.
   *
   * @param hidden as in {@link #forward}; its content is undefined afterwards
   * @param sequenceLength tokens of a sequence
   * @param observer sees the linear modules' inputs
   */
  void observe(Tensor hidden, int sequenceLength, InputObserver observer);

  /** Returns the block on each device, in the order of {@link Decoder#copies}. */
  default List<Block> copies() {
    return List.of(this);
  }

  /** Returns the input features of each linear module, by its full name. */
  Map<String, Integer> inputFeatures();

  /**
   * Returns a linear module's weight, which is the block's.
   *
   * @param module its full name
   */
  Weight weight(String module);

  /**
   * Returns the host memory that a linear module's weight is read from, laid out as in its file. It
   * may be changed between two runs if {@link #replace} is told afterwards.
   *
   * @param module its full name
   * @return nothing if the weight is elsewhere
   */
  default Optional<MemorySegment> bytes(String module) {
    return Optional.empty();
  }

  /**
   * Replaces a linear module's weight.
   *
   * @param module its full name
   * @param weight of the same shape; stays reachable and unchanged until the block is closed
   */
  void replace(String module, WeightMatrix weight);

  /** Frees the block's weights. */
  @Override
  void close();
}
