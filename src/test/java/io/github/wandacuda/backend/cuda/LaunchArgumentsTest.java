package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class LaunchArgumentsTest {
  private final FirstAllocated arena = new FirstAllocated();
  private final CudaQueue.LaunchArguments arguments = new CudaQueue.LaunchArguments(arena);

  /** Memory of which the first piece, that of the values, can be looked at. */
  private static final class FirstAllocated implements Arena {
    private final Arena memory = Arena.ofAuto();
    private MemorySegment first;

    @Override
    public MemorySegment allocate(long bytes, long alignment) {
      MemorySegment piece = memory.allocate(bytes, alignment);
      first = first == null ? piece : first;
      return piece;
    }

    @Override
    public MemorySegment.Scope scope() {
      return memory.scope();
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  private long written(int index) {
    return arena.first.getAtIndex(ValueLayout.JAVA_LONG, index);
  }

  @Test
  void integersTakeTheLowerHalf() {
    arguments.write(-2, Integer.MAX_VALUE);
    assertThat((int) written(0)).isEqualTo(-2);
    assertThat((int) written(1)).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void longsAreWhole() {
    arguments.write(Long.MIN_VALUE, 1L << 40);
    assertThat(written(0)).isEqualTo(Long.MIN_VALUE);
    assertThat(written(1)).isEqualTo(1L << 40);
  }

  @Test
  void floatsAndDoublesKeepTheirBits() {
    arguments.write(-0.0f, Float.MIN_VALUE, Float.intBitsToFloat(0x7fc01234), -0.1);
    assertThat(written(3)).isEqualTo(Double.doubleToRawLongBits(-0.1));
    assertThat((int) written(0)).isEqualTo(0x80000000);
    assertThat((int) written(1)).isEqualTo(1);
    assertThat((int) written(2)).isEqualTo(0x7fc01234);
  }

  @Test
  void pointersAreAddresses() {
    // An address that nothing was allocated at is 0.
    CudaBuffer buffer = new CudaBuffer(null, new CudaBuffer.DeviceAddress(), 1L << 33);
    arguments.write(buffer.at(0), buffer.at((1L << 32) + 16), null);
    assertThat(written(0)).isEqualTo(buffer.address());
    assertThat(written(1)).isEqualTo(buffer.address() + (1L << 32) + 16);
    assertThat(written(2)).isZero();
  }

  @Test
  void aLaunchOverwritesTheOneBefore() {
    arguments.write(-1L, -1L);
    arguments.write(7, null);
    assertThat(written(0)).isEqualTo(7);
    assertThat(written(1)).isZero();
  }

  @Test
  void refusesWhatNoKernelTakes() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> arguments.write('x'))
        .withMessage("a kernel takes no class java.lang.Character");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> arguments.write(new Object[CudaQueue.LaunchArguments.MOST + 1]));
  }

  @Test
  void aPointerOfAnotherBackendIsNoCudaPointer() {
    DevicePointer other = new DevicePointer(new OtherBuffer(), 0);
    assertThatIllegalArgumentException().isThrownBy(() -> arguments.write(other));
  }

  private static final class OtherBuffer implements DeviceBuffer {
    @Override
    public long bytes() {
      return 1;
    }

    @Override
    public void close() {}
  }
}
