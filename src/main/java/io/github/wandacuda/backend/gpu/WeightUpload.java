package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.ObjIntConsumer;

/**
 * Copies weights to the device, with rows aligned as its kernels require, and multiplies by weights
 * that don't fit there piece by piece. For one thread at a time.
 */
final class WeightUpload implements AutoCloseable {
  /** The largest piece of a weight that doesn't fit on the device. */
  private static final long PIECE_BYTES = 64 << 20;

  /**
   * A quarter of the memory that is free at first is left for activations, kernels and selection.
   */
  private static final int RESERVE = 4;

  private final GpuDevice device;
  private final DeviceQueue queue;
  private final long reserveBytes;

  /** Halved whenever the device lacks memory for a piece. */
  private long pieceBytes;

  private final GrowingBuffer piece;

  /**
   * Measures the device's free memory, which is to be that before any weight is loaded.
   *
   * @param queue the queue of all work on weights; stays the caller's
   */
  WeightUpload(GpuDevice device, DeviceQueue queue) {
    this.device = device;
    this.queue = queue;
    reserveBytes = device.memory().freeBytes() / RESERVE;
    pieceBytes = Math.min(PIECE_BYTES, device.largestBuffer());
    piece = new GrowingBuffer(device, queue);
  }

  /**
   * Allocates memory for a weight.
   *
   * @return null if the device hasn't so much beside what weights leave for activations, kernels
   *     and selection
   */
  DeviceBuffer allocate(long bytes) {
    if (bytes > most()) {
      return null;
    }
    try {
      return device.memory().allocate(Math.max(1, bytes));
    } catch (DeviceMemoryException e) {
      return null;
    }
  }

  /**
   * Allocates memory for a weight and loads the weight there.
   *
   * @param weight makes it, and waits for all copies to the memory, which is freed if this fails
   * @return nothing if {@link #allocate} has no memory
   */
  <T> Optional<T> placed(long bytes, Function<DeviceBuffer, T> weight) {
    return Optional.ofNullable(allocate(bytes))
        .map(buffer -> OnFailure.close(buffer::close, () -> weight.apply(buffer)));
  }

  /**
   * Returns how many bytes may be taken for a whole run, so that a block's weights still have as
   * much memory as is left for activations, kernels and selection.
   */
  long roomBesideBlock() {
    return Math.max(0, device.memory().freeBytes() - 2 * reserveBytes);
  }

  /** Returns the largest weight that {@link #allocate} would try to allocate, in bytes. */
  private long most() {
    return Math.min(device.largestBuffer(), device.memory().freeBytes() - reserveBytes);
  }

  /**
   * Returns the failure of a weight that has to be on the device and isn't, for the caller to
   * throw.
   */
  DeviceMemoryException lacking(long bytes) {
    return new DeviceMemoryException(device.name(), bytes, most());
  }

  /** Returns the queue of all work on weights. */
  DeviceQueue queue() {
    return queue;
  }

  /**
   * Copies rows to the device and waits for the copy.
   *
   * @param from in memory of any kind
   * @param to of the same shape and type
   */
  void upload(WeightMatrix from, DeviceRows to) {
    if (from.elements() == 0) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      LongFunction<MemorySegment> room = bytes -> arena.allocate(bytes, Long.BYTES);
      boolean readable = from.data().isNative();
      queue.complete(() -> HostRows.upload(queue, from, readable, room, to));
    }
  }

  /**
   * Copies a weight to the device piece by piece, and queues work on each piece.
   *
   * @param work called with a piece and the number of its first row
   * @throws DeviceMemoryException if the device lacks memory for one row
   */
  void stream(WeightMatrix host, ObjIntConsumer<DeviceRows> work) {
    forEachPiece(
        host.rows(),
        host.columns(),
        host.dtype(),
        (rows, first) -> upload(host.rows(first, rows.rows()), rows),
        work);
  }

  /**
   * Unpacks a packed weight piece by piece, and queues work on each piece.
   *
   * @param packed on the device
   * @param work called with a piece and the number of its first row
   * @throws DeviceMemoryException if the device lacks memory for one row
   */
  void unpack(DeviceSparse packed, ObjIntConsumer<DeviceRows> work) {
    forEachPiece(
        packed.rows(),
        packed.columns(),
        packed.dtype(),
        (rows, first) -> queue.forward().unpack(packed.rowRange(first, rows.rows()), rows),
        work);
  }

  /**
   * Copies a quantized weight's codes to the device and widens them to float32 piece by piece, and
   * queues work on each piece.
   *
   * @param work called with a piece and the number of its first row
   * @throws DeviceMemoryException if the device lacks memory for one row
   */
  void widen(QuantizedMatrix host, ObjIntConsumer<DeviceRows> work) {
    forEachPiece(
        host.rows(),
        host.columns(),
        DType.F32,
        DeviceCodes.rowBytes(host),
        DeviceCodes.bytesBesideRows(host),
        (rows, first) -> {
          QuantizedMatrix some = host.rows(first, rows.rows());
          QuantizedMatrix piece = new QuantizedMatrix(some.codes().byRows(), some.scales());
          DevicePointer room = rows.data().plus(rows.rows() * rows.pitch());
          queue.forward().widen(DeviceCodes.copy(piece, room, queue::send), 0, rows);
        },
        work);
  }

  private void forEachPiece(
      int count,
      int columns,
      DType dtype,
      ObjIntConsumer<DeviceRows> fill,
      ObjIntConsumer<DeviceRows> work) {
    forEachPiece(count, columns, dtype, 0, 0, fill, work);
  }

  /**
   * Fills memory on the device with rows of a weight piece by piece, and queues work on each piece.
   *
   * @param count rows of the weight
   * @param besideRow bytes that are free behind a piece's rows, for each of its rows
   * @param beside bytes that are free behind these, for the piece
   * @param fill queues what writes a piece, given the number of its first row
   * @param work called after it in the same way
   */
  private void forEachPiece(
      int count,
      int columns,
      DType dtype,
      long besideRow,
      long beside,
      ObjIntConsumer<DeviceRows> fill,
      ObjIntConsumer<DeviceRows> work) {
    long pitch = Math.max(dtype.bytes(), HostRows.devicePitch(columns, dtype));
    long rowBytes = pitch + besideRow;
    int most = Math.clamp((pieceBytes - beside) / rowBytes, 1, Math.max(1, count));
    DevicePointer room = room(most, rowBytes, beside);
    int fitting = (int) Math.min(most, (room.buffer().bytes() - beside) / rowBytes);
    for (int first = 0; first < count; first += fitting) {
      int part = Math.min(fitting, count - first);
      DeviceRows rows = new DeviceRows(room, dtype, part, columns, pitch / dtype.bytes());
      fill.accept(rows, first);
      work.accept(rows, first);
    }
  }

  /**
   * Queues the part of a linear layer that some rows of a weight compute.
   *
   * @param first the number of the first row in the weight
   * @param bias of all rows, or null for none
   * @param out receives the columns of these rows
   */
  void linear(GpuTensor x, DeviceRows rows, int first, GpuTensor bias, GpuTensor out) {
    queue
        .forward()
        .linear(
            x.matrix(),
            rows,
            bias == null ? null : bias.matrix().columnRange(first, rows.rows()).data(),
            out.matrix().columnRange(first, rows.rows()));
  }

  /**
   * Queues a linear layer of a quantized weight. For more than a few tokens, or if its factor
   * divides, the weight is widened to float32 first.
   *
   * @param bias of all rows, or null for none
   */
  void linear(GpuTensor x, DeviceCodes w, GpuTensor bias, GpuTensor out) {
    boolean few = x.rows() <= GpuForwardKernels.FEW_TOKENS;
    if (few && !w.layout().divides() && queue.forward().multipliesSparse()) {
      queue.forward().codes(x.matrix(), w, GpuOperations.data(bias), out.matrix());
    } else {
      forEachPiece(
          w.rows(),
          w.columns(),
          DType.F32,
          (rows, first) -> queue.forward().widen(w, first, rows),
          (rows, first) -> linear(x, rows, first, bias, out));
    }
  }

  /**
   * Returns memory for the given rows and what is beside them, or for as many of them as the device
   * has memory for.
   */
  private DevicePointer room(int rows, long rowBytes, long beside) {
    for (int fewer = rows; ; fewer /= 2) {
      try {
        return piece.atLeast(fewer * rowBytes + beside);
      } catch (DeviceMemoryException e) {
        if (fewer == 1) {
          throw e;
        }
        pieceBytes = fewer / 2 * rowBytes + beside;
      }
    }
  }

  @Override
  public void close() {
    piece.close();
  }
}
