package io.github.wandacuda.checkpoint;

import java.lang.foreign.MemorySegment;

/** What the tensors of a file are read from. Safe for use by several threads. */
public interface TensorBytes extends AutoCloseable {
  /**
   * Reads bytes of a tensor until {@code destination} is full.
   *
   * @param offset offset in the tensor, in bytes; the tensor doesn't end before the last byte
   * @throws io.github.wandacuda.error.InputException if what is read is damaged or has become
   *     shorter
   * @throws io.github.wandacuda.error.CancelledException if the thread was interrupted, which
   *     closes the file for all
   */
  void read(TensorInfo info, long offset, MemorySegment destination);

  /**
   * Reads tensors past the page cache from now on, as far as they aren't in it and this is a file,
   * until {@code io} is closed. No other thread may read meanwhile.
   */
  default void readThrough(DirectIo io) {}

  /** Reads tensors from the device from now on, also those that the page cache has, as above. */
  default void readFromDevice(DirectIo io) {}

  /**
   * Reads tensors of a file through the page cache from now on, and leaves it as it is now when
   * {@link #dropAdded} is called or the file is closed, where the system allows that.
   */
  default void readThroughCache() {}

  /**
   * Takes out of the page cache what was added to it since {@link #readThroughCache}, if it was.
   */
  default void dropAdded() {}

  @Override
  void close();
}
