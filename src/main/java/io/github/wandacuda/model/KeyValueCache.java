package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.Kept;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What is kept of one sequence's tokens, block by block, so that a block computes only the new ones
 * (Pope et al., arXiv 2211.05102, section 2.1): the keys, normed and rotated already, and the
 * values; or the latents that both are made of; or a state that each token changes.
 *
 * <p>New tokens go through all blocks by {@link Block#extend}, then {@link #append} counts them. It
 * is memory of the device, in float32, for as many tokens as the capacity says. Used from one
 * thread.
 */
public final class KeyValueCache implements AutoCloseable {
  private final Operations operations;
  private final int capacity;

  /** Both matrices of each block, one after the other. */
  private final List<Tensor> tensors = new ArrayList<>();

  private final List<Tensor> states = new ArrayList<>();

  private int length;

  /**
   * Reserves memory.
   *
   * @param kept what is kept for each block, two each
   * @param capacity tokens, 1 or more
   */
  KeyValueCache(Operations operations, List<Kept> kept, int capacity) {
    this.operations = operations;
    this.capacity = capacity;
    try {
      for (Kept each : kept) {
        boolean state = each.rows() > 0;
        tensors.add(operations.tensor(state ? each.rows() : capacity, each.columns()));
        if (state) {
          states.add(tensors.getLast());
        }
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** The two matrices that are kept for a block, in the order of its description. */
  record BlockCache(Tensor first, Tensor second) {}

  /** Returns for how many tokens there is memory. */
  public int capacity() {
    return capacity;
  }

  /** Returns how many tokens are kept. */
  public int length() {
    return length;
  }

  /**
   * Counts tokens that have gone through all blocks.
   *
   * @throws IndexOutOfBoundsException if they are more than the capacity
   */
  public void append(int tokens) {
    Objects.checkFromIndexSize(length, tokens, capacity);
    length += tokens;
  }

  /**
   * Forgets all tokens but the first ones. Keys and values of the others are left; a state can't go
   * back, so with states all tokens are forgotten unless none has to be.
   *
   * @param count how many tokens are to be left
   * @return how many are left: {@code count}, or 0
   * @throws IndexOutOfBoundsException if fewer tokens are kept
   */
  public int truncate(int count) {
    boolean shorter = Objects.checkIndex(count, length + 1) < length;
    if (shorter) {
      states.forEach(operations::clear);
    }
    length = shorter && !states.isEmpty() ? 0 : count;
    return length;
  }

  /**
   * Returns what is kept for a block.
   *
   * @param index the block's number
   */
  BlockCache block(int index) {
    return new BlockCache(tensors.get(2 * index), tensors.get(2 * index + 1));
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
    tensors.clear();
  }
}
