package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The hidden states of samples between two blocks: one row of float32 for each token. They lie
 * where the backend has them at hand, and are copied to host memory only when they are asked for
 * there.
 */
public final class HiddenStates implements AutoCloseable {

  private final StoredRows states;
  private final long bytes;

  /** All states in host memory, as they were when they were last asked for. */
  private final GrowingMemory copy = new GrowingMemory();

  /**
   * Reserves memory for so many tokens.
   *
   * @param hiddenSize the columns of each
   */
  public HiddenStates(Operations operations, long tokens, int hiddenSize) {
    bytes = Math.multiplyExact(tokens, (long) hiddenSize * Float.BYTES);
    states = operations.storedRows(tokens, hiddenSize);
  }

  /**
   * Returns the states of all tokens in host memory. They are valid until the next call, or until
   * states are written, whichever comes first.
   */
  public MemorySegment all() {
    if (states.inPlace().isPresent()) {
      return states.inPlace().get();
    }
    MemorySegment all = copy.exactly(bytes);
    states.download(0, all);
    return all;
  }

  /** Returns how many bytes the states of all tokens are. */
  long bytes() {
    return bytes;
  }

  /**
   * Sets the states of all tokens.
   *
   * @param filling writes them to the host memory that it is given
   */
  public void load(Consumer<MemorySegment> filling) {
    if (states.inPlace().isPresent()) {
      filling.accept(states.inPlace().get());
      return;
    }
    MemorySegment all = copy.exactly(bytes);
    filling.accept(all);
    states.upload(all, 0);
  }

  /**
   * Copies the states of some tokens to a batch.
   *
   * @param from the first token
   * @param batch takes the states of as many tokens as it has rows
   */
  void read(long from, Tensor batch) {
    states.read(from, batch);
  }

  /**
   * Copies a batch's states here.
   *
   * @param from the token that the batch's first row is of
   */
  void write(long from, Tensor batch) {
    states.write(from, batch);
  }

  @Override
  public void close() {
    states.close();
    copy.close();
  }
}
