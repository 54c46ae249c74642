package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.GrowingMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The hidden states of samples between two blocks, where the backend has them at hand; copied to
 * host memory when they are asked for there.
 */
public final class HiddenStates implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final StoredRows states;
  private final long bytes;
  private final long tokenBytes;

  /** Holds all states in host memory, as they were when they were asked for. */
  private final GrowingMemory copy = new GrowingMemory();

  public HiddenStates(Operations operations, long tokens, int hiddenSize) {
    tokenBytes = (long) hiddenSize * Float.BYTES;
    bytes = Math.multiplyExact(tokens, tokenBytes);
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

  /** Returns the states of {@code count} tokens, beginning with token {@code from} of all. */
  MemorySegment tokens(long from, int count) {
    if (states.inPlace().isPresent()) {
      return states.inPlace().get().asSlice(from * tokenBytes, count * tokenBytes);
    }
    MemorySegment some = Arena.ofAuto().allocate(count * tokenBytes, ALIGNMENT);
    states.download(from, some);
    return some;
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
