package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.testing.PretendCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The forward kernels on a pretended device, with matrices in its memory. */
final class ForwardSession implements AutoCloseable {
  private final PretendCuda driver = PretendCuda.start();
  private final List<CudaBuffer> buffers = new ArrayList<>();
  final CudaDevice device;
  final CudaQueue queue;
  final CudaForwardKernels own;

  /**
   * Opens a device.
   *
   * @param capability its compute capability, times 10
   */
  ForwardSession(int capability) {
    this(capability, Precision.DEFAULT);
  }

  /**
   * Opens a device for a precision.
   *
   * @param capability its compute capability, times 10
   */
  ForwardSession(int capability, Precision precision) {
    driver.loadCublas();
    driver.capability(capability);
    driver.deferred(true);
    device = CudaDevice.open(0, precision);
    queue = device.queue();
    own = new CudaForwardKernels(queue, Optional.empty(), precision);
  }

  PretendCuda driver() {
    return driver;
  }

  DevicePointer allocate(long bytes) {
    CudaBuffer buffer = device.allocate(Math.max(1, bytes));
    buffers.add(buffer);
    return buffer.at(0);
  }

  private void upload(MemorySegment host, DevicePointer to) {
    queue.upload(host, to);
    queue.finish();
  }

  /** Returns a dense matrix that starts so many floats after a multiple of 256 bytes. */
  DeviceRows matrix(float[] values, int columns, int offset) {
    DevicePointer start = allocate((values.length + offset) * 4L).plus(offset * 4L);
    try (Arena arena = Arena.ofConfined()) {
      if (values.length > 0) {
        upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values), start);
      }
    }
    return new DeviceRows(start, DType.F32, values.length / columns, columns, columns);
  }

  DevicePointer vector(float[] values, int offset) {
    return matrix(values, values.length, offset).data();
  }

  DevicePointer integers(int... values) {
    DevicePointer start = allocate(values.length * 4L);
    try (Arena arena = Arena.ofConfined()) {
      upload(arena.allocateFrom(ValueLayout.JAVA_INT, values), start);
    }
    return start;
  }

  /** Uploads a weight with its padding. */
  DeviceRows weight(PaddedWeight weight) {
    DevicePointer start = allocate(weight.memory().byteSize());
    upload(weight.memory(), start);
    return new DeviceRows(start, weight.dtype(), weight.rows(), weight.columns(), weight.stride());
  }

  /** Returns a matrix's elements, and those between its rows where its stride is larger. */
  float[] read(DeviceRows matrix) {
    long floats = matrix.rows() == 0 ? 0 : (matrix.rows() - 1) * matrix.stride() + matrix.columns();
    return read(matrix.data(), (int) floats);
  }

  float[] read(DevicePointer start, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(Math.max(1, count) * 4L, 8);
      if (count > 0) {
        queue.download(start, host);
      }
      queue.finish();
      return host.asSlice(0, count * 4L).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Override
  public void close() {
    queue.finish();
    own.close();
    queue.close();
    buffers.forEach(CudaBuffer::close);
    device.close();
    PretendCuda.start();
  }
}
