package io.github.wandacuda.forward;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Checks the operands of {@link StoredRows} for a backend.
 *
 * @param own throws if a tensor isn't the backend's own
 */
record CheckedStoredRows(long rows, int columns, Consumer<Tensor> own, StoredRows stored)
    implements StoredRows {
  private void check(long from, Tensor batch) {
    own.accept(batch);
    OperandShapes.same("columns", columns, batch.columns());
    Objects.checkFromIndexSize(from, batch.rows(), rows);
  }

  @Override
  public void read(long from, Tensor batch) {
    check(from, batch);
    if (batch.rows() > 0) {
      stored.read(from, batch);
    }
  }

  @Override
  public void write(long from, Tensor batch) {
    check(from, batch);
    if (batch.rows() > 0) {
      stored.write(from, batch);
    }
  }

  @Override
  public Optional<MemorySegment> inPlace() {
    return stored.inPlace();
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
