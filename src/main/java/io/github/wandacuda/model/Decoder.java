package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.util.List;

/**
 * A decoder-only language model that runs block by block, so that only one block's weights are in
 * memory at a time. Used from one thread.
 */
public interface Decoder extends AutoCloseable {
  /** Returns the number of decoder blocks. */
  int blocks();

  /** Returns the full names of the linear modules whose inputs the blocks show to an observer. */
  List<String> linearModules();

  /** Returns what runs it; its tensors are of these operations. */
  Operations operations();

  /**
   * Returns the decoder on each device that it is on, itself if there is one. They give the same
   * bits, and each may be used by a thread of its own.
   */
  default List<Decoder> copies() {
    return List.of(this);
  }

  /** Returns the width of the hidden states. */
  int hiddenSize();

  /**
   * Computes the hidden states that the first block reads.
   *
   * @param tokens ids below the vocabulary, whole sequences one after the other
   * @param sequenceLength tokens of a sequence
   * @param hidden [tokens, hidden size]
   */
  void embed(int[] tokens, int sequenceLength, Tensor hidden);

  /**
   * Computes the hidden states of tokens that follow others of their sequence.
   *
   * @param tokens ids below the vocabulary
   * @param past how many tokens the sequence has before them
   * @param hidden [tokens, hidden size]
   */
  void embedNext(int[] tokens, int past, Tensor hidden);

  /**
   * Reserves memory for the keys and values of a sequence; the caller closes it before the decoder.
   *
   * @param capacity tokens, 1 or more
   */
  KeyValueCache cache(int capacity);

  /** Returns block {@code index}; the caller closes it before it takes the next. */
  Block block(int index);

  /**
   * Begins to read a block's weights, so that {@link #block} takes less time if it is the next one
   * that is asked for: to the device, if it has memory of its own with room for two blocks, else to
   * host memory, 256 MiB at most.
   *
   * @param index its index; nothing is read if there is no such block
   */
  default void readAhead(int index) {}

  /**
   * Scores each token of a sequence by those before it.
   *
   * @param hidden [tokens, hidden size] out of the last block
   * @param tokens the sequence
   * @return the negative log-likelihood, in nats, of tokens 1 to n - 1: n - 1 values
   */
  double[] nextTokenLosses(Tensor hidden, int[] tokens);

  /**
   * Scores a token after each of some hidden states.
   *
   * @param hidden [targets, hidden size] out of the last block
   * @param targets a token for each hidden state
   * @return the negative log-likelihood of each target, in nats
   */
  double[] losses(Tensor hidden, int[] targets);

  /**
   * Returns the logits of some hidden states, valid until the next call.
   *
   * @param hidden [tokens, hidden size] out of the last block, at most 128 rows
   * @return [tokens, vocabulary]
   */
  Tensor logits(Tensor hidden);

  /** Frees all memory of the device. */
  @Override
  void close();
}
