package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.Backend;

/** A program around the library, with device memory and a queue of its own. */
public interface CallerProgram extends AutoCloseable {
  /** Returns the library's device, which the program's memory is on. */
  Backend backend();

  /** Allocates memory, and returns it as the library takes it, when it holds {@code content}. */
  long memory(byte[] content);

  /** Returns the queue as the library takes it. */
  long queue();

  /** Returns the first bytes of memory. */
  byte[] read(long memory, int bytes);

  /** Queues a write that isn't done for a while, or not until somebody waits for it. */
  void queueWrite(long memory, byte[] content);

  /** Gives all back. */
  @Override
  void close();
}
