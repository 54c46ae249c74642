package io.github.wandacuda.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/** The width of the terminal that stderr is, as its driver says; it changes with the window. */
final class TerminalWidth {
  /** The width of a terminal that doesn't tell. */
  static final int UNKNOWN = 0;

  private static final int STDERR = 2;
  private static final long LINUX_GET_SIZE = 0x5413;
  private static final long MAC_GET_SIZE = 0x40087468;

  /** {@code struct winsize}: four 16-bit numbers, of which the second counts columns. */
  private static final int SIZE_BYTES = 8;

  private static final int COLUMNS_OFFSET = 2;

  private static final MethodHandle IOCTL = ioctl();

  private TerminalWidth() {}

  private static MethodHandle ioctl() {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor descriptor =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
    return linker
        .defaultLookup()
        .find("ioctl")
        .map(
            address ->
                linker.downcallHandle(address, descriptor, Linker.Option.firstVariadicArg(2)))
        .orElse(null);
  }

  /** Returns the columns, or {@link #UNKNOWN}. */
  static int columns() {
    if (IOCTL == null) {
      return UNKNOWN;
    }
    boolean mac = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(SIZE_BYTES, Short.BYTES);
      int failed = (int) IOCTL.invokeExact(STDERR, mac ? MAC_GET_SIZE : LINUX_GET_SIZE, size);
      return failed == 0
          ? Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, COLUMNS_OFFSET))
          : UNKNOWN;
    } catch (Throwable e) {
      return UNKNOWN;
    }
  }
}
