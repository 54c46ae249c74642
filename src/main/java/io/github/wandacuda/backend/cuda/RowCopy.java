package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * Rows that are copied between host and device memory or within a device, whose pitches may differ.
 *
 * @param from where they are
 * @param to where they go
 * @param rowBytes bytes of a row
 * @param rows number of rows
 */
record RowCopy(Place from, Place to, long rowBytes, long rows) {
  /**
   * The most rows of one call. The driver documents no limit; with so many rows the cost of a call
   * is negligible.
   */
  private static final long MOST_ROWS = 1 << 20;

  /**
   * Where rows begin.
   *
   * @param host host memory from the first row on, or null if they are on the device
   * @param device the address of the first row on the device, or null
   * @param pitch bytes from a row to the next
   */
  record Place(MemorySegment host, DevicePointer device, long pitch) {
    static Place of(MemorySegment host, long pitch) {
      return new Place(host, null, pitch);
    }

    static Place of(DevicePointer device, long pitch) {
      return new Place(null, device, pitch);
    }

    boolean isHost() {
      return host != null;
    }

    private Place plus(long bytes) {
      return isHost() ? of(host.asSlice(bytes), pitch) : of(device.plus(bytes), pitch);
    }

    private int memoryType() {
      return isHost() ? CUmemorytype.CU_MEMORYTYPE_HOST : CUmemorytype.CU_MEMORYTYPE_DEVICE;
    }
  }

  /** Checks that the rows are inside both memories. */
  RowCopy {
    if (rowBytes < 0 || rows < 0 || (rows > 1 && Math.min(from.pitch, to.pitch) < rowBytes)) {
      throw new IllegalArgumentException(
          "%d rows of %d bytes with pitches of %d and %d"
              .formatted(rows, rowBytes, from.pitch, to.pitch));
    }
    if (rows > 0) {
      from.plus(Math.addExact(Math.multiplyExact(rows - 1, from.pitch), rowBytes));
      to.plus(Math.addExact(Math.multiplyExact(rows - 1, to.pitch), rowBytes));
    }
  }

  /**
   * Queues the copy.
   *
   * @param maximumPitch the largest pitch of a two-dimensional copy
   */
  void queue(CudaContext context, CUstream stream, long maximumPitch) {
    pieces(
        maximumPitch,
        piece -> {
          if (piece.rows == 1) {
            piece.queueBytes(context, stream);
          } else {
            piece.queueRows(context, stream);
          }
        });
  }

  /** Divides the rows into pieces that one call of the driver copies. */
  void pieces(long maximumPitch, Consumer<RowCopy> each) {
    if (rowBytes == 0 || rows == 0) {
      return;
    }
    if (rows == 1 || (from.pitch == rowBytes && to.pitch == rowBytes)) {
      each.accept(new RowCopy(from, to, rows * rowBytes, 1));
      return;
    }
    long most = Math.max(from.pitch, to.pitch) > maximumPitch ? 1 : MOST_ROWS;
    for (long row = 0; row < rows; row += most) {
      Place start = from.plus(row * from.pitch);
      Place end = to.plus(row * to.pitch);
      each.accept(new RowCopy(start, end, rowBytes, Math.min(most, rows - row)));
    }
  }

  private void queueBytes(CudaContext context, CUstream stream) {
    if (from.isHost()) {
      context.check(
          JCudaDriver.cuMemcpyHtoDAsync(
              CudaBuffer.pointer(to.device), HostPointer.to(from.host), rowBytes, stream),
          () -> "cuMemcpyHtoDAsync of %d bytes".formatted(rowBytes));
    } else if (to.isHost()) {
      context.check(
          JCudaDriver.cuMemcpyDtoHAsync(
              HostPointer.to(to.host), CudaBuffer.pointer(from.device), rowBytes, stream),
          () -> "cuMemcpyDtoHAsync of %d bytes".formatted(rowBytes));
    } else {
      context.check(
          JCudaDriver.cuMemcpyDtoDAsync(
              CudaBuffer.pointer(to.device), CudaBuffer.pointer(from.device), rowBytes, stream),
          () -> "cuMemcpyDtoDAsync of %d bytes".formatted(rowBytes));
    }
  }

  private void queueRows(CudaContext context, CUstream stream) {
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcMemoryType = from.memoryType();
    copy.srcPitch = from.pitch;
    if (from.isHost()) {
      copy.srcHost = HostPointer.to(from.host);
    } else {
      copy.srcDevice = CudaBuffer.pointer(from.device);
    }
    copy.dstMemoryType = to.memoryType();
    copy.dstPitch = to.pitch;
    if (to.isHost()) {
      copy.dstHost = HostPointer.to(to.host);
    } else {
      copy.dstDevice = CudaBuffer.pointer(to.device);
    }
    copy.WidthInBytes = rowBytes;
    copy.Height = rows;
    context.check(
        JCudaDriver.cuMemcpy2DAsync(copy, stream),
        () -> "cuMemcpy2DAsync of %d x %d bytes".formatted(rows, rowBytes));
  }
}
