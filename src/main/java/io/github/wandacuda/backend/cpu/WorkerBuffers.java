package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.system.GrowingMemory;

/** What one thread's tiles lie in. */
final class WorkerBuffers implements AutoCloseable {
  /** For weights as a checkpoint has them. */
  final GrowingMemory plain = new GrowingMemory();

  /** For weights in the order of a product. */
  final GrowingMemory packed = new GrowingMemory();

  /** For a product. */
  final GrowingMemory sums = new GrowingMemory();

  /** For what lies between. */
  final GrowingMemory scratch = new GrowingMemory();

  @Override
  public void close() {
    plain.close();
    packed.close();
    sums.close();
    scratch.close();
  }
}
