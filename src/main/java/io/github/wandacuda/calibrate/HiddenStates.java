package io.github.wandacuda.calibrate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The hidden states of all samples between two blocks, in host memory outside the Java heap. */
final class HiddenStates implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment states;
  private final long tokenBytes;

  HiddenStates(long tokens, int hiddenSize) {
    tokenBytes = (long) hiddenSize * Float.BYTES;
    states = arena.allocate(Math.multiplyExact(tokens, tokenBytes), 64);
  }

  /** Returns the states of all tokens. */
  MemorySegment all() {
    return states;
  }

  /** Returns the states of {@code count} tokens. */
  MemorySegment tokens(long from, int count) {
    return states.asSlice(from * tokenBytes, count * tokenBytes);
  }

  @Override
  public void close() {
    arena.close();
  }
}
