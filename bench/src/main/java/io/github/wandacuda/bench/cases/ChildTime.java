package io.github.wandacuda.bench.cases;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The processor time of the processes that this one started and that have ended. */
final class ChildTime {
  private static final int CHILDREN = -1;

  /** Two times of two longs each, then fourteen longs that don't matter here. */
  private static final long STRUCT_LONGS = 18;

  private ChildTime() {}

  /** Returns user and system time in seconds, from {@code getrusage(2)} of a 64-bit Linux. */
  static double seconds() {
    Linker linker = Linker.nativeLinker();
    MethodHandle getrusage =
        linker.downcallHandle(
            linker.defaultLookup().find("getrusage").orElseThrow(),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment usage = arena.allocate(ValueLayout.JAVA_LONG, STRUCT_LONGS);
      int status = (int) getrusage.invokeExact(CHILDREN, usage);
      if (status != 0) {
        throw new IllegalStateException("getrusage returned " + status);
      }
      return time(usage, 0) + time(usage, 2);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static double time(MemorySegment usage, long index) {
    long seconds = usage.getAtIndex(ValueLayout.JAVA_LONG, index);
    long micros = usage.getAtIndex(ValueLayout.JAVA_LONG, index + 1);
    return seconds + micros / 1e6;
  }
}
