package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Rows of float32 that outlive the batches in which they are worked on, where the backend has them
 * at hand: [rows, columns]. Owned by its backend; used from the thread of its operations.
 */
public interface StoredRows extends AutoCloseable {
  /** Copies as many rows as {@code batch} has to it, from row {@code from} on. */
  void read(long from, Tensor batch);

  /** Takes over the rows of a batch, as the rows from {@code from} on. */
  void write(long from, Tensor batch);

  /** Returns the rows themselves where all of them lie in host memory that is always up to date. */
  Optional<MemorySegment> inPlace();

  /** Copies as many rows as {@code destination} has room for to host memory, which is native. */
  void download(long from, MemorySegment destination);

  /** Copies rows from host memory, which is native. */
  void upload(MemorySegment source, long from);

  @Override
  void close();
}
