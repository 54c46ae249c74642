package io.github.wandacuda.forward;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Rows in host memory outside the Java heap, which batches of a device are copied from and to. */
final class HostStoredRows implements StoredRows {
  private static final long ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();
  private final Operations operations;
  private final MemorySegment memory;
  private final long rowBytes;

  HostStoredRows(Operations operations, long rows, int columns) {
    this.operations = operations;
    rowBytes = (long) columns * Float.BYTES;
    memory = arena.allocate(Math.multiplyExact(rows, rowBytes), ALIGNMENT);
  }

  private MemorySegment rows(long from, Tensor batch) {
    return memory.asSlice(from * rowBytes, batch.rows() * rowBytes);
  }

  @Override
  public void read(long from, Tensor batch) {
    operations.upload(rows(from, batch), batch);
  }

  @Override
  public void write(long from, Tensor batch) {
    operations.download(batch, rows(from, batch));
  }

  @Override
  public Optional<MemorySegment> inPlace() {
    return Optional.of(memory);
  }

  @Override
  public void download(long from, MemorySegment destination) {
    destination.copyFrom(memory.asSlice(from * rowBytes, destination.byteSize()));
  }

  @Override
  public void upload(MemorySegment source, long from) {
    memory.asSlice(from * rowBytes, source.byteSize()).copyFrom(source);
  }

  @Override
  public void close() {
    arena.close();
  }
}
