package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.scalar.CpuTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * An open device and its queue, with matrices that lie among NaN: an element that a kernel reads
 * without having to spoils its result, one that it writes is found by {@link #floats}.
 */
public final class ForwardDevice implements AutoCloseable {
  private static final byte FILL = -1;

  /** Floats before and after a matrix's elements. */
  private static final int MARGIN = 64;

  private final OpenClDevice device;
  private final OpenClQueue queue;
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  private ForwardDevice(OpenClDevice device) {
    this.device = device;
    this.queue = device.queue();
  }

  /** Opens the first usable device; without one, the test is skipped and says so. */
  public static ForwardDevice open(KernelSources sources) {
    Optional<String> problem = OpenClLibrary.problem(OpenClLibrary.names());
    assumeTrue(problem.isEmpty(), () -> "no OpenCL: " + problem.orElse(""));
    Optional<OpenClTarget> target =
        OpenClTarget.all().stream().filter(t -> t.facts().problem().isEmpty()).findFirst();
    assumeTrue(target.isPresent(), "no OpenCL: no usable device");
    return open(target.orElseThrow(), sources);
  }

  /** Opens a device. */
  public static ForwardDevice open(OpenClTarget target, KernelSources sources) {
    return new ForwardDevice(OpenClDevice.open(target, sources, AnyOpenCl.noCache()));
  }

  public OpenClQueue queue() {
    return queue;
  }

  public OpenClDevice device() {
    return device;
  }

  private DevicePointer fill(MemorySegment host) {
    DeviceBuffer buffer = device.allocate(host.byteSize());
    buffers.add(buffer);
    queue.upload(host, buffer.at(0));
    queue.finish();
    return buffer.at(0);
  }

  /** Returns a matrix of NaN. */
  public DeviceRows empty(int rows, int columns, int stride) {
    try (Arena arena = Arena.ofConfined()) {
      long floats = (long) rows * stride + 2 * MARGIN;
      DevicePointer at = fill(arena.allocate(floats * Float.BYTES, 8).fill(FILL));
      return new DeviceRows(
          at.plus(MARGIN * Float.BYTES), DType.F32, rows, columns, Math.max(columns, stride));
    }
  }

  /** Returns a copy of a tensor. */
  public DeviceRows copy(CpuTensor tensor) {
    DeviceRows matrix = empty(tensor.rows(), tensor.columns(), tensor.columns());
    MemorySegment floats =
        MemorySegment.ofArray(tensor.data())
            .asSlice((long) tensor.at(0) * Float.BYTES, (long) tensor.elements() * Float.BYTES);
    try (Arena arena = Arena.ofConfined()) {
      queue.upload(arena.allocate(floats.byteSize(), 8).copyFrom(floats), matrix.data());
      queue.finish();
    }
    return matrix;
  }

  /**
   * Returns a copy of a weight, whose rows start at multiples of 16 bytes, between which is NaN.
   */
  public DeviceRows copy(WeightMatrix weight) {
    int size = weight.dtype().bytes();
    long rowBytes = (long) weight.columns() * size;
    long pitch = Math.ceilDiv(rowBytes, 16) * 16 + 16;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(weight.rows() * pitch + 16, 8).fill(FILL);
      for (int row = 0; row < weight.rows(); row++) {
        host.asSlice(16 + row * pitch, rowBytes)
            .copyFrom(weight.data().asSlice(weight.byteOffset(row, 0), rowBytes));
      }
      return new DeviceRows(
          fill(host).plus(16), weight.dtype(), weight.rows(), weight.columns(), pitch / size);
    }
  }

  /** Returns a copy of integers. */
  public DevicePointer copy(int[] values) {
    try (Arena arena = Arena.ofConfined()) {
      return fill(arena.allocateFrom(ValueLayout.JAVA_INT, values));
    }
  }

  /** Returns a copy of bytes, which starts at a multiple of 8. */
  public DevicePointer copy(MemorySegment bytes) {
    try (Arena arena = Arena.ofConfined()) {
      return fill(arena.allocate(bytes.byteSize(), 8).copyFrom(bytes));
    }
  }

  /** Returns a matrix's elements, dense; all else around them has to be untouched. */
  public float[] floats(DeviceRows matrix) {
    queue.finish();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(matrix.data().buffer().bytes(), 8);
      queue.download(matrix.data().buffer().at(0), host);
      queue.finish();
      float[] all = host.toArray(ValueLayout.JAVA_FLOAT);
      float[] elements = new float[matrix.rows() * matrix.columns()];
      int first = Math.toIntExact(matrix.data().offset() / Float.BYTES);
      for (int row = 0; row < matrix.rows(); row++) {
        int from = Math.toIntExact(first + row * matrix.stride());
        System.arraycopy(all, from, elements, row * matrix.columns(), matrix.columns());
        Arrays.fill(all, from, from + matrix.columns(), Float.intBitsToFloat(-1));
      }
      int[] around = new int[all.length];
      Arrays.setAll(around, i -> Float.floatToRawIntBits(all[i]));
      assertThat(around).as("floats around the matrix").containsOnly(-1);
      return elements;
    }
  }

  @Override
  public void close() {
    queue.close();
    buffers.forEach(DeviceBuffer::close);
    device.close();
  }
}
