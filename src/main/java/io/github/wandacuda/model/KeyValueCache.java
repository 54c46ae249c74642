package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.Kept;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What is kept of one sequence's tokens, block by block, so that a block computes only what is new
 * (Pope et al., arXiv 2211.05102, section 2.1): keys, normed and rotated already, and values, or
 * what they are made of; or a state that each token changes.
 *
 * <p>New tokens go through all blocks by {@link Block#extend}, then {@link #append} counts them.
 * The memory is that of the device, float32, for all tokens that there may be. Used from one
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

  /** What is kept for a block, in the order of its description. */
  record BlockCache(Tensor first, Tensor second) {}

  /** Returns the tokens that the memory is for. */
  public int capacity() {
    return capacity;
  }

  public int length() {
    return length;
  }

  /** Counts tokens that have gone through all blocks. */
  public void append(int tokens) {
    Objects.checkFromIndexSize(length, tokens, capacity);
    length += tokens;
  }

  /**
   * Forgets all tokens from token {@code count} on.
   *
   * @return how many are left: none, although some should, if a state can't go back to them
   */
  public int truncate(int count) {
    boolean shorter = Objects.checkIndex(count, length + 1) < length;
    if (shorter) {
      states.forEach(operations::clear);
    }
    length = shorter && !states.isEmpty() ? 0 : count;
    return length;
  }

  BlockCache block(int index) {
    return new BlockCache(tensors.get(2 * index), tensors.get(2 * index + 1));
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
    tensors.clear();
  }
}
