package io.github.wandacuda.checkpoint;

import java.lang.foreign.MemorySegment;

/** What the tensors of a file are read from. Safe for use by several threads. */
public interface TensorBytes extends AutoCloseable {
  /**
   * Reads bytes of a tensor until {@code destination} is full.
   *
   * @param info one of the file's tensors
   * @param offset offset in the tensor, in bytes; the tensor doesn't end before the last byte
   * @throws io.github.wandacuda.error.InputException if what is read is damaged or has become
   *     shorter
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted, which
   *     closes the file for all
   */
  void read(TensorInfo info, long offset, MemorySegment destination);

  @Override
  void close();
}
