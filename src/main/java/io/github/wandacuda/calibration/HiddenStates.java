package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The hidden states of samples between two blocks, where the backend has them at hand; copied to
 * host memory when they are asked for there.
 */
public final class HiddenStates implements AutoCloseable {

  private final StoredRows states;
  private final long bytes;

  /** Holds all states in host memory, as they were when they were asked for. */
  private final GrowingMemory copy = new GrowingMemory();

  public HiddenStates(Operations operations, long tokens, int hiddenSize) {
    bytes = Math.multiplyExact(tokens, (long) hiddenSize * Float.BYTES);
    states = operations.storedRows(tokens, hiddenSize);
  }

  /** Returns all states in host memory, valid until the next call or write at the latest. */
  public MemorySegment all() {
    if (states.inPlace().isPresent()) {
      return states.inPlace().get();
    }
    MemorySegment all = copy.exactly(bytes);
    states.download(0, all);
    return all;
  }

  long bytes() {
    return bytes;
  }

  /** Has all states filled in, in host memory. */
  public void load(Consumer<MemorySegment> filling) {
    if (states.inPlace().isPresent()) {
      filling.accept(states.inPlace().get());
      return;
    }
    MemorySegment all = copy.exactly(bytes);
    filling.accept(all);
    states.upload(all, 0);
  }

  /** Copies the states of as many tokens as a batch has rows to it, from {@code from} on. */
  void read(long from, Tensor batch) {
    states.read(from, batch);
  }

  /** Takes over the states of a batch, whose first token is {@code from} of all. */
  void write(long from, Tensor batch) {
    states.write(from, batch);
  }

  @Override
  public void close() {
    states.close();
    copy.close();
  }
}
