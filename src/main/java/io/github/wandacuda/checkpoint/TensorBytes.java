package io.github.wandacuda.checkpoint;

import java.lang.foreign.MemorySegment;

/**
 * What the tensors of a file are read from: the file, or what makes them. Safe for use by several
 * threads.
 */
public interface TensorBytes extends AutoCloseable {
  /**
   * Reads bytes of a tensor until {@code destination} is full.
   *
   * @param info one of the file's tensors
   * @param offset in the tensor, in bytes; the tensor doesn't end before the last byte that is read
   * @throws io.github.wandacuda.error.InputException if what is read is damaged or has become
   *     shorter
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted, which
   *     closes the file for all
   */
  void read(TensorInfo info, long offset, MemorySegment destination);

  /**
   * Reads tensors past the page cache from now on, as far as they aren't in it, until {@code io} is
   * closed. What isn't a file ignores that. No other thread may read during the call.
   */
  default void readThrough(DirectIo io) {}

  /**
   * Reads tensors from the device from now on, also those that the page cache holds, until {@code
   * io} is closed. What isn't a file ignores that. No other thread may read during the call.
   */
  default void readFromDevice(DirectIo io) {}

  /**
   * Reads tensors through the page cache from now on, and notes what that holds now: {@link
   * #dropAdded} or closing the file leaves it like that, where the system allows it. What isn't a
   * file ignores that.
   */
  default void readThroughCache() {}

  /**
   * Takes out of the page cache what was added to it since {@link #readThroughCache}. Does nothing
   * if that wasn't called.
   */
  default void dropAdded() {}

  @Override
  void close();
}
