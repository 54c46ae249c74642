package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The keys and values of one sequence's tokens, block by block, so that a block computes only what
 * is new (Pope et al., arXiv 2211.05102, section 2.1). Keys are normed and rotated already.
 *
 * <p>New tokens go through all blocks by {@link Block#extend}, then {@link #append} counts them.
 * The memory is that of the device, float32, for all tokens that there may be. Used from one
 * thread.
 */
public final class KeyValueCache implements AutoCloseable {
  private final int capacity;

  /** The keys of each block and its values, one after the other. */
  private final List<Tensor> tensors = new ArrayList<>();

  private int length;

  /**
   * Reserves memory.
   *
   * @param heads those of each block
   * @param capacity tokens, 1 or more
   */
  KeyValueCache(Operations operations, List<Heads> heads, int capacity) {
    this.capacity = capacity;
    try {
      for (Heads block : heads) {
        tensors.add(operations.tensor(capacity, block.keyValueWidth()));
        tensors.add(operations.tensor(capacity, block.keyValueWidth()));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** One block's keys and values: [capacity, keyValueHeads * headSize]. */
  record BlockCache(Tensor keys, Tensor values) {}

  /** Returns the tokens that the memory is for. */
  public int capacity() {
    return capacity;
  }

  /** Returns the tokens that are kept. */
  public int length() {
    return length;
  }

  /** Counts tokens that have gone through all blocks. */
  public void append(int tokens) {
    Objects.checkFromIndexSize(length, tokens, capacity);
    length += tokens;
  }

  /** Forgets all tokens from token {@code count} on. */
  public void truncate(int count) {
    length = Objects.checkIndex(count, length + 1);
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
