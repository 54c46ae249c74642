package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;

/**
 * A kernel's arguments as the driver reads them: a table of the addresses of the values. Memory and
 * table are reused for every launch, since the driver has copied the values when a launch returns.
 */
final class LaunchArguments {
  /** The most arguments of a kernel. */
  static final int MOST = 32;

  private final MemorySegment values;
  private final Pointer table;

  public LaunchArguments(Arena arena) {
    values = arena.allocate(ValueLayout.JAVA_LONG, MOST);
    MemorySegment addresses = arena.allocate(ValueLayout.JAVA_LONG, MOST);
    for (int i = 0; i < MOST; i++) {
      addresses.setAtIndex(ValueLayout.JAVA_LONG, i, values.address() + i * (long) Long.BYTES);
    }
    table = HostPointer.to(addresses);
  }

  /**
   * Writes arguments.
   *
   * @param arguments a {@link DevicePointer} or null for a pointer, an {@link Integer}, a {@link
   *     Long} or a {@link Float}
   */
  public Pointer write(Object... arguments) {
    if (arguments.length > MOST) {
      throw new IllegalArgumentException("%d arguments".formatted(arguments.length));
    }
    for (int i = 0; i < arguments.length; i++) {
      values.setAtIndex(ValueLayout.JAVA_LONG, i, bits(arguments[i]));
    }
    return table;
  }

  /**
   * Returns an argument's 8 bytes. A 4-byte value is the lower half, which comes first, since all
   * systems with CUDA are little-endian.
   */
  private static long bits(Object argument) {
    if (argument == null) {
      return 0;
    }
    if (argument instanceof DevicePointer pointer) {
      return CudaBuffer.of(pointer).address() + pointer.offset();
    }
    if (argument instanceof Integer number) {
      return number;
    }
    if (argument instanceof Long number) {
      return number;
    }
    if (argument instanceof Float number) {
      return Float.floatToRawIntBits(number);
    }
    throw new IllegalArgumentException("a kernel takes no " + argument.getClass().getName());
  }
}
