package io.github.wandacuda.device.cuda.driver;

import io.github.wandacuda.device.DevicePointer;
import java.lang.foreign.MemorySegment;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** What one call of the driver copies; the components are {@link RowCopy}'s. */
public record CopyPiece(
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
