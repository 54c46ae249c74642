package io.github.wandacuda.calibrate;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The hidden states of samples between two blocks, in host memory outside the Java heap. */
public final class HiddenStates implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Operations operations;
  private final MemorySegment states;
  private final long tokenBytes;

  /** Reserves memory for so many tokens. */
  public HiddenStates(Operations operations, long tokens, int hiddenSize) {
    this.operations = operations;
    tokenBytes = (long) hiddenSize * Float.BYTES;
    states = arena.allocate(Math.multiplyExact(tokens, tokenBytes), 64);
  }

  /** Returns the states of all tokens. */
  public MemorySegment all() {
    return states;
  }

  /** Returns the states of {@code count} tokens, beginning with token {@code from} of all. */
  MemorySegment tokens(long from, int count) {
    return states.asSlice(from * tokenBytes, count * tokenBytes);
  }

  /** Copies the states of as many tokens as a batch has rows to it, from {@code from} on. */
  void read(long from, Tensor batch) {
    operations.upload(tokens(from, batch.rows()), batch);
  }

  /** Takes over the states of a batch, whose first token is {@code from} of all. */
  void write(long from, Tensor batch) {
    operations.download(batch, tokens(from, batch.rows()));
  }

  @Override
  public void close() {
    arena.close();
  }
}
