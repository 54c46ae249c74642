package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * Checks the operands of {@link StoredRows} for a backend.
 *
 * @param own takes a tensor for the backend's own
 */
record CheckedStoredRows<T extends Tensor>(
    long rows, int columns, Function<Tensor, T> own, BackendOperations.Stored<T> stored)
    implements StoredRows {
  private T batch(long from, Tensor tensor) {
    T batch = own.apply(tensor);
    OperandShapes.same("columns", columns, batch.columns());
    Objects.checkFromIndexSize(from, batch.rows(), rows);
    return batch;
  }

  @Override
  public void read(long from, Tensor tensor) {
    T batch = batch(from, tensor);
    if (batch.rows() > 0) {
      stored.read(from, batch);
    }
  }

  @Override
  public void write(long from, Tensor tensor) {
    T batch = batch(from, tensor);
    if (batch.rows() > 0) {
      stored.write(from, batch);
    }
  }

  @Override
  public Optional<MemorySegment> inPlace() {
    return Optional.empty();
  }

  private void check(long from, MemorySegment host) {
    long rowBytes = (long) columns * Float.BYTES;
    if (host.byteSize() % rowBytes != 0) {
      throw new IllegalArgumentException(
          "%d bytes for rows of %d".formatted(host.byteSize(), rowBytes));
    }
    Objects.checkFromIndexSize(from, host.byteSize() / rowBytes, rows);
  }

  @Override
  public void download(long from, MemorySegment destination) {
    check(from, destination);
    stored.download(from, destination);
  }

  @Override
  public void upload(MemorySegment source, long from) {
    check(from, source);
    stored.upload(source, from);
  }

  @Override
  public void close() {
    stored.close();
  }
}
