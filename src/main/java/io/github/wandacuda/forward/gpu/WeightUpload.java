package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceMemoryException;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.GrowingBuffer;
import io.github.wandacuda.device.HostRows;
import io.github.wandacuda.device.RowLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Copies weights to the device, with rows aligned as its kernels require. */
final class WeightUpload implements AutoCloseable {
  /** The largest piece of a weight that doesn't fit on the device. */
  private static final long PIECE_BYTES = 64 << 20;

  /** One part in this many of the free memory is left for other uses than weights. */
  private static final int RESERVE = 4;

  private final DeviceQueue queue;
  private final long reserveBytes;

  /** Halved whenever the device lacks memory for a piece. */
  private long pieceBytes;

  private final GrowingBuffer piece;

  WeightUpload(GpuDevice device, DeviceQueue queue) {
    this.queue = queue;
    reserveBytes = device.freeBytes() / RESERVE;
    pieceBytes = Math.min(PIECE_BYTES, device.largestBuffer());
    piece = new GrowingBuffer(device, queue);
  }

  /** Returns the free bytes that weights leave for activations, kernels and selection. */
  long reserveBytes() {
    return reserveBytes;
  }

  /** Waits for all queued work, before device memory is freed. */
  void settle() {
    queue.settle();
  }

  /** Copies rows to the device and waits for the copy. */
  void upload(WeightMatrix from, DeviceRows to) {
    if (from.elements() == 0) {
      return;
    }
    long rowBytes = RowLayout.rowBytes(from);
    if (from.data().isNative() && RowLayout.isByRows(from)) {
      long hostPitch = RowLayout.hostPitch(from);
      queue.complete(
          () -> queue.upload(from.data(), hostPitch, to.data(), to.pitch(), rowBytes, from.rows()));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dense = arena.allocate(from.rows() * rowBytes, Long.BYTES);
      HostRows.gather(from, dense);
      queue.complete(
          () -> queue.upload(dense, rowBytes, to.data(), to.pitch(), rowBytes, from.rows()));
    }
  }

  /**
   * Queues work for all rows, piece by piece.
   *
   * @throws DeviceMemoryException if the device lacks memory for one row
   */
  void stream(WeightMatrix host, GpuWeight.RowWork work) {
    long pitch = Math.max(1, RowLayout.devicePitch(host));
    int rows = Math.clamp(pieceBytes / pitch, 1, Math.max(1, host.rows()));
    DevicePointer room = room(rows, pitch);
    int fitting = (int) Math.min(rows, room.buffer().bytes() / pitch);
    for (int first = 0; first < host.rows(); first += fitting) {
      WeightMatrix part = host.rows(first, Math.min(fitting, host.rows() - first));
      DeviceRows onDevice = RowLayout.onDevice(host, room, part.rows());
      upload(part, onDevice);
      work.run(onDevice, first);
    }
  }

  /** Returns memory for the given rows, or for as many of them as the device has memory for. */
  private DevicePointer room(int rows, long pitch) {
    for (int fewer = rows; ; fewer /= 2) {
      try {
        return piece.atLeast(fewer * pitch);
      } catch (DeviceMemoryException e) {
        if (fewer == 1) {
          throw e;
        }
        pieceBytes = fewer / 2 * pitch;
      }
    }
  }

  @Override
  public void close() {
    piece.close();
  }
}
