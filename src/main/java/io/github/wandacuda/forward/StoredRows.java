package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Rows of float32 that outlive the batches in which they are worked on, where the backend has them
 * at hand: [rows, columns]. Owned by its backend; used from the thread of its operations.
 */
public interface StoredRows extends AutoCloseable {
  /**
   * Copies rows to a batch.
   *
   * @param from the first row; as many are copied as the batch has
   */
  void read(long from, Tensor batch);

  /**
   * Copies the rows of a batch to their place.
   *
   * @param from the first row that they become
   */
  void write(long from, Tensor batch);

  /**
   * Returns the memory of all rows where they lie in host memory that is always up to date; nothing
   * where they don't. It is valid until this is closed.
   */
  Optional<MemorySegment> inPlace();

  /**
   * Copies rows to host memory.
   *
   * @param from the first row
   * @param destination native, whole rows of little-endian floats
   */
  void download(long from, MemorySegment destination);

  /**
   * Copies rows from host memory.
   *
   * @param source native, whole rows of little-endian floats
   * @param from the first row that they become
   */
  void upload(MemorySegment source, long from);

  /** Frees the rows. */
  @Override
  void close();
}
