package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * Rows that are copied within a device; the components are {@link
 * io.github.wandacuda.backend.gpu.DeviceQueue#copy}'s.
 */
record DeviceCopy(
    DevicePointer from, long fromPitch, DevicePointer to, long toPitch, long rowBytes, long rows) {
  /** Checks that the rows are in both memories. */
  public DeviceCopy {
    if (rowBytes < 0 || rows < 0 || (rows > 1 && Math.min(fromPitch, toPitch) < rowBytes)) {
      throw new IllegalArgumentException(
          "%d rows of %d bytes with pitches of %d and %d"
              .formatted(rows, rowBytes, fromPitch, toPitch));
    }
    if (rows > 0) {
      from.plus((rows - 1) * fromPitch + rowBytes);
      to.plus((rows - 1) * toPitch + rowBytes);
    }
  }

  /**
   * Queues the copy.
   *
   * @param maximumPitch the largest pitch of a two-dimensional copy
   */
  public void queue(CudaContext context, CUstream stream, long maximumPitch) {
    if (rowBytes == 0 || rows == 0) {
      return;
    }
    if (rows == 1 || (fromPitch == rowBytes && toPitch == rowBytes)) {
      queueBytes(0, rows * rowBytes, context, stream);
    } else if (Math.max(fromPitch, toPitch) > maximumPitch) {
      for (long row = 0; row < rows; row++) {
        queueBytes(row, rowBytes, context, stream);
      }
    } else {
      queueRows(context, stream);
    }
  }

  private void queueBytes(long row, long bytes, CudaContext context, CUstream stream) {
    context.check(
        JCudaDriver.cuMemcpyDtoDAsync(
            CudaBuffer.pointer(to.plus(row * toPitch)),
            CudaBuffer.pointer(from.plus(row * fromPitch)),
            bytes,
            stream),
        () -> "cuMemcpyDtoDAsync of %d bytes".formatted(bytes));
  }

  private void queueRows(CudaContext context, CUstream stream) {
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = CudaBuffer.pointer(from);
    copy.srcPitch = fromPitch;
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = CudaBuffer.pointer(to);
    copy.dstPitch = toPitch;
    copy.WidthInBytes = rowBytes;
    copy.Height = rows;
    context.check(
        JCudaDriver.cuMemcpy2DAsync(copy, stream),
        () -> "cuMemcpy2DAsync of %d x %d bytes".formatted(rows, rowBytes));
  }
}
