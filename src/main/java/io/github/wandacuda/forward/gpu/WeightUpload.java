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

/** Brings weights to the device, row by row to where its kernels want them. */
final class WeightUpload implements AutoCloseable {
  /** A weight that has no room on the device comes in pieces of this size, or less. */
  private static final long PIECE_BYTES = 64 << 20;

  /** The part of free memory, one in so many, that weights leave to all else. */
  private static final int RESERVE = 4;

  private final DeviceQueue queue;
  private final long reserveBytes;

  /** Less than at first once there wasn't room for so many. */
  private long pieceBytes;

  private final GrowingBuffer piece;

  WeightUpload(GpuDevice device, DeviceQueue queue) {
    this.queue = queue;
    reserveBytes = device.freeBytes() / RESERVE;
    pieceBytes = Math.min(PIECE_BYTES, device.largestBuffer());
    piece = new GrowingBuffer(device, queue);
  }

  /** Returns the free bytes that weights leave to activations, to kernels and to selection. */
  long reserveBytes() {
    return reserveBytes;
  }

  /** Waits until no queued work uses device memory that is to be freed. */
  void settle() {
    queue.settle();
  }

  /** Copies rows to the device and waits for it. */
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
   * @throws DeviceMemoryException if there isn't room for one row
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

  /** Returns room for the given rows, or for as many as there is memory for. */
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
