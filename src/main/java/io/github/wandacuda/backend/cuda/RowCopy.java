package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * Rows that are copied between host and device memory, whose pitches may differ.
 *
 * @param host host memory, which begins with the first row
 * @param hostPitch bytes from a row to the next in host memory
 * @param device the address of the first row on the device
 * @param devicePitch bytes from a row to the next in device memory
 * @param rowBytes bytes of a row
 * @param rows number of rows
 */
record RowCopy(
    MemorySegment host,
    long hostPitch,
    DevicePointer device,
    long devicePitch,
    long rowBytes,
    long rows) {
  /**
   * The most rows of one call. The driver documents no limit; with so many rows the cost of a call
   * is negligible.
   */
  private static final long MOST_ROWS = 1 << 20;

  /** Checks that the rows are inside both memories. */
  public RowCopy {
    if (rowBytes < 0 || rows < 0 || (rows > 1 && Math.min(hostPitch, devicePitch) < rowBytes)) {
      throw new IllegalArgumentException(
          "%d rows of %d bytes with pitches of %d and %d"
              .formatted(rows, rowBytes, hostPitch, devicePitch));
    }
    if (rows > 0) {
      host.asSlice(0, Math.addExact(Math.multiplyExact(rows - 1, hostPitch), rowBytes));
      device.plus(Math.addExact(Math.multiplyExact(rows - 1, devicePitch), rowBytes));
    }
  }

  /**
   * Divides the rows into pieces that one call of the driver copies.
   *
   * @param maximumPitch the largest pitch of a two-dimensional copy
   */
  public void pieces(long maximumPitch, Consumer<Piece> each) {
    if (rowBytes == 0 || rows == 0) {
      return;
    }
    if (rows == 1 || (hostPitch == rowBytes && devicePitch == rowBytes)) {
      each.accept(piece(0, 1, rows * rowBytes));
      return;
    }
    long most = Math.max(hostPitch, devicePitch) > maximumPitch ? 1 : MOST_ROWS;
    for (long row = 0; row < rows; row += most) {
      each.accept(piece(row, Math.min(most, rows - row), rowBytes));
    }
  }

  private Piece piece(long row, long count, long bytes) {
    return new Piece(
        host.asSlice(row * hostPitch),
        hostPitch,
        device.plus(row * devicePitch),
        devicePitch,
        bytes,
        count);
  }

  /** Rows that one call of the driver copies; the components are those of {@link RowCopy}. */
  public record Piece(
      MemorySegment host,
      long hostPitch,
      DevicePointer device,
      long devicePitch,
      long rowBytes,
      long rows) {
    public void upload(CudaContext context, CUstream stream) {
      if (rows == 1) {
        context.check(
            JCudaDriver.cuMemcpyHtoDAsync(
                CudaBuffer.pointer(device), HostPointer.to(host), rowBytes, stream),
            () -> "cuMemcpyHtoDAsync of %d bytes".formatted(rowBytes));
        return;
      }
      CUDA_MEMCPY2D copy = shape();
      copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
      copy.srcHost = HostPointer.to(host);
      copy.srcPitch = hostPitch;
      copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
      copy.dstDevice = CudaBuffer.pointer(device);
      copy.dstPitch = devicePitch;
      queue(copy, context, stream);
    }

    public void download(CudaContext context, CUstream stream) {
      if (rows == 1) {
        context.check(
            JCudaDriver.cuMemcpyDtoHAsync(
                HostPointer.to(host), CudaBuffer.pointer(device), rowBytes, stream),
            () -> "cuMemcpyDtoHAsync of %d bytes".formatted(rowBytes));
        return;
      }
      CUDA_MEMCPY2D copy = shape();
      copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
      copy.srcDevice = CudaBuffer.pointer(device);
      copy.srcPitch = devicePitch;
      copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
      copy.dstHost = HostPointer.to(host);
      copy.dstPitch = hostPitch;
      queue(copy, context, stream);
    }

    private CUDA_MEMCPY2D shape() {
      CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
      copy.WidthInBytes = rowBytes;
      copy.Height = rows;
      return copy;
    }

    private void queue(CUDA_MEMCPY2D copy, CudaContext context, CUstream stream) {
      context.check(
          JCudaDriver.cuMemcpy2DAsync(copy, stream),
          () -> "cuMemcpy2DAsync of %d x %d bytes".formatted(rows, rowBytes));
    }
  }
}
