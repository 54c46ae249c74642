package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.selection.Select;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_context;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Devices, their memory, their programs and what is left of them. */
@Tag("gpu")
class OpenClDeviceTest {
  private static final String SCALE =
      """
      __kernel void scale(__global uchar *data, ulong offset, __global uchar *none, ulong zero,
                          int count, long shift, float factor, __local float *scratch) {
        __global float *values = (__global float *)(data + offset);
        size_t i = get_global_id(0);
        scratch[get_local_id(0)] = values[i] * factor;
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < count && none == 0 && zero == 0) {
          values[i] = scratch[get_local_id(0)] + shift;
        }
      }
      """;

  @TempDir Path temporary;

  private static byte[] read(OpenClQueue queue, DevicePointer from, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes);
      queue.download(from, host);
      queue.finish();
      return host.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Test
  void argumentsReachTheKernel() {
    try (Arena arena = Arena.ofConfined();
        OpenClDevice device = AnyOpenCl.open(file -> SCALE);
        OpenClQueue queue = device.queue();
        DeviceBuffer buffer = device.memory().allocate(64)) {
      OpenClKernel kernel = device.kernel("scale.cl", "scale", "");
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4);
      queue.upload(host, buffer.at(16));
      queue.launch(
          kernel,
          new long[] {4},
          new long[] {2},
          buffer.at(16),
          null,
          3,
          100L,
          0.5f,
          new OpenClQueue.LocalMemory(2 * Float.BYTES));
      queue.download(buffer.at(16), host);
      queue.finish();
      assertThat(host.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(100.5f, 101, 101.5f, 4);
      assertThat(kernel.items()).isEqualTo(256);
      assertThatThrownBy(() -> queue.launch(kernel, new long[] {3}, new long[] {2}, buffer.at(0)))
          .isInstanceOf(BackendUnavailableException.class);
      assertThatThrownBy(() -> queue.launch(kernel, new long[] {2}, new long[] {2}, "text"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void rowsAreCopiedBetweenPitches() {
    try (Arena arena = Arena.ofConfined();
        OpenClDevice device = AnyOpenCl.open();
        OpenClQueue queue = device.queue();
        DeviceBuffer buffer = device.memory().allocate(100)) {
      queue.clear(buffer.at(0), 100);
      MemorySegment host = arena.allocate(40);
      for (int i = 0; i < 40; i++) {
        host.set(ValueLayout.JAVA_BYTE, i, (byte) (i + 1));
      }
      queue.copy(Place.of(host, 10), Place.of(buffer.at(7), 30), 4, 3);
      byte[] all = read(queue, buffer.at(0), 100);
      byte[] expected = new byte[100];
      for (int row = 0; row < 3; row++) {
        for (int i = 0; i < 4; i++) {
          expected[7 + 30 * row + i] = (byte) (10 * row + i + 1);
        }
      }
      assertThat(all).isEqualTo(expected);
      MemorySegment back = arena.allocate(18);
      queue.copy(Place.of(buffer.at(7), 30), Place.of(back, 7), 4, 3);
      queue.finish();
      assertThat(back.toArray(ValueLayout.JAVA_BYTE))
          .containsExactly(1, 2, 3, 4, 0, 0, 0, 11, 12, 13, 14, 0, 0, 0, 21, 22, 23, 24);
      queue.clear(buffer.at(8), 2);
      queue.copy(Place.of(host, 10), Place.of(buffer.at(0), 10), 4, 0);
      assertThat(read(queue, buffer.at(7), 4)).containsExactly(1, 0, 0, 4);
    }
  }

  @Test
  void pinnedMemoryIsMemoryForAsLongAsItsArena() {
    try (OpenClDevice device = AnyOpenCl.open();
        OpenClQueue queue = device.queue();
        DeviceBuffer buffer = device.memory().allocate(1 << 16)) {
      MemorySegment gone;
      try (Arena arena = Arena.ofShared()) {
        MemorySegment host = device.memory().pinned(1 << 16, arena);
        gone = host;
        host.fill((byte) 5);
        queue.upload(host, buffer.at(0));
        queue.finish();
        host.fill((byte) 6);
        assertThat(read(queue, buffer.at(0), 1 << 16)).containsOnly(5);
      }
      assertThat(gone.scope().isAlive()).isFalse();
    }
  }

  @Test
  void tooMuchMemoryIsTheShortageThatTheHostCanActOn() {
    try (OpenClDevice device = AnyOpenCl.open()) {
      long free = device.memory().freeBytes();
      assertThatThrownBy(() -> device.memory().allocate(device.largestBuffer() + 1))
          .isInstanceOf(DeviceMemoryException.class)
          .hasMessageContaining("out of device memory");
      for (int status :
          new int[] {
            CL.CL_MEM_OBJECT_ALLOCATION_FAILURE, CL.CL_OUT_OF_RESOURCES, CL.CL_OUT_OF_HOST_MEMORY
          }) {
        assertThatThrownBy(() -> device.memory().throwFailure(status, "clCreateBuffer", 7 << 20))
            .isInstanceOf(DeviceMemoryException.class)
            .hasMessageStartingWith(
                device.name()
                    + ": out of device memory: clCreateBuffer of 7340032 bytes failed with CL_");
      }
      assertThatThrownBy(
              () -> device.memory().throwFailure(CL.CL_OUT_OF_RESOURCES, "clCreateBuffer", 77))
          .as("so little isn't made smaller until one row is left")
          .isNotInstanceOf(DeviceMemoryException.class)
          .hasMessageEndingWith("CL_OUT_OF_RESOURCES (memory, or a kernel that failed)");
      assertThatThrownBy(
              () -> device.memory().throwFailure(CL.CL_INVALID_CONTEXT, "clCreateBuffer", 77))
          .isInstanceOf(BackendUnavailableException.class)
          .isNotInstanceOf(DeviceMemoryException.class)
          .hasMessage(device.name() + ": clCreateBuffer failed with CL_INVALID_CONTEXT");
      assertThat(device.memory().freeBytes()).isEqualTo(free);
    }
  }

  @Test
  void aProgramThatCannotBeBuiltSaysWhere() {
    try (OpenClDevice device = AnyOpenCl.open(file -> "__kernel void broken() { nonsense; }")) {
      assertThatThrownBy(() -> device.kernel("broken.cl", "broken", "-D X"))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageContaining("broken.cl")
          .hasMessageContaining("CL_BUILD_PROGRAM_FAILURE")
          .hasMessageContaining("nonsense")
          .message()
          .doesNotContain("\n");
    }
    try (OpenClDevice device = AnyOpenCl.open(file -> SCALE)) {
      assertThatThrownBy(() -> device.kernel("scale.cl", "other", ""))
          .hasMessageContaining("other")
          .hasMessageContaining("CL_INVALID_KERNEL_NAME");
    }
  }

  @Test
  void aKernelThatIsNotBuiltIsBuiltForSmallerGroups() {
    String source = "\n#if ITEMS > %d\n#error too few registers\n#endif\n__kernel void own() {}\n";
    try (OpenClDevice device = AnyOpenCl.open(file -> source.formatted(128))) {
      assertThat(device.kernel("own.cl", "own", "").items()).isEqualTo(128);
    }
    try (OpenClDevice device = AnyOpenCl.open(file -> source.formatted(32))) {
      assertThatThrownBy(() -> device.kernel("own.cl", "own", ""))
          .isInstanceOf(BackendUnavailableException.class)
          .hasMessageContaining("own.cl")
          .hasMessageContaining("ITEMS=64")
          .hasMessageContaining("too few registers");
    }
  }

  @Test
  void aKernelRunsWithItsArguments() {
    try (Arena arena = Arena.ofConfined();
        OpenClDevice device = AnyOpenCl.open(file -> SCALE);
        OpenClQueue queue = device.queue();
        DeviceBuffer buffer = device.memory().allocate(8)) {
      OpenClKernel kernel = device.kernel("scale.cl", "scale", "");
      assertThat(device.kernel("scale.cl", "scale", "")).isSameAs(kernel);
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 5);
      queue.upload(host, buffer.at(0));
      queue.launch(
          kernel,
          new long[] {2},
          new long[] {2},
          buffer.at(0),
          null,
          2,
          1L,
          2f,
          new OpenClQueue.LocalMemory(2 * Float.BYTES));
      queue.download(buffer.at(0), host);
      queue.finish();
      assertThat(host.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(7, 11);
    }
  }

  @Test
  void nothingIsLeftWhenADeviceIsClosed() {
    OpenClDevice device = AnyOpenCl.open();
    cl_context context = device.context();
    CL.clRetainContext(context);
    try (Backend backend = new GpuBackend(device, 2);
        Arena arena = Arena.ofShared()) {
      MemorySegment host = backend.hostMemory(4000, arena);
      host.fill((byte) 1);
      WeightMatrix matrix = WeightMatrix.of(host, DType.BF16, 10, 200);
      assertThat(
              Select.once(backend.selector(), matrix, null, new LowestPerRow(50), matrix, null)
                  .pruned())
          .isEqualTo(500);
      assertThat(device.memory().freeBytes()).isLessThan(device.facts().globalBytes());
      assertThat(references(context)).isGreaterThan(2);
    }
    assertThat(device.memory().freeBytes()).isEqualTo(device.facts().globalBytes());
    assertOneReferenceRemains(context);
    CL.clReleaseContext(context);
  }

  /** A driver's own threads may let go of commands a little after they are done. */
  private static void assertOneReferenceRemains(cl_context context) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (references(context) > 1 && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(references(context)).isOne();
  }

  /** Every object of a context refers to it. */
  private static int references(cl_context context) {
    int[] count = new int[1];
    CL.clGetContextInfo(
        context, CL.CL_CONTEXT_REFERENCE_COUNT, Sizeof.cl_uint, Pointer.to(count), null);
    return count[0];
  }

  @Test
  void theProviderOpensWhatItLists() {
    AnyOpenCl.target();
    OpenClBackendProvider provider = new OpenClBackendProvider();
    List<DeviceDescription> devices = provider.devices();
    DeviceDescription usable =
        devices.stream().filter(DeviceDescription::usable).findFirst().orElseThrow();
    try (Backend backend = provider.open(usable.index(), 2)) {
      assertThat(backend.name()).isEqualTo("opencl");
      assertThat(backend.device()).isEqualTo(usable.name());
    }
    assertThatThrownBy(() -> provider.open(devices.size(), 2))
        .hasMessage(
            "opencl has no device %d; it has %d, counted from 0"
                .formatted(devices.size(), devices.size()));
  }
}
