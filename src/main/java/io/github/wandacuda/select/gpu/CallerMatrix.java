package io.github.wandacuda.select.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.DeviceRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A matrix in device memory that the caller owns. Kernels work on it where it lies or, where its
 * rows don't start at multiples of 16 bytes, on a copy of a tile.
 */
record CallerMatrix(DeviceQueue queue, DeviceRows rows) implements SlotMatrix {
  @Override
  public TileShape shape() {
    return new TileShape(rows.dtype(), rows.rows(), rows.columns(), rows.isAligned());
  }

  @Override
  public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
    DeviceRows part = rows.rowRange(first, count);
    if (rows.isAligned()) {
      return part;
    }
    DeviceRows copy = shape().at(tile.weights(), count);
    copy(part, copy);
    return copy;
  }

  @Override
  public void takeBack(DeviceRows pruned, int first) {
    if (!rows.isAligned()) {
      copy(pruned, rows.rowRange(first, pruned.rows()));
      queue.finish();
    }
  }

  private void copy(DeviceRows from, DeviceRows to) {
    queue.copy(from.data(), from.pitch(), to.data(), to.pitch(), from.rowBytes(), from.rows());
  }

  /** In place the kernel may have pruned it: then nobody knows what it was, but that it is none. */
  @Override
  public float element(int row, int column) {
    try (Arena arena = Arena.ofConfined()) {
      DType dtype = rows.dtype();
      MemorySegment host = arena.allocate(dtype.bytes(), Integer.BYTES);
      queue.complete(
          () -> queue.download(rows.rowRange(row, 1).columnRange(column, 1).data(), host));
      float value = WeightMatrix.of(host, dtype, 1, 1).get(0, 0);
      return Float.isFinite(value) ? Float.NaN : value;
    }
  }
}
