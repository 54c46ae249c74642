package io.github.wandacuda.system;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.util.Optional;

/**
 * The pages of a file that are in the page cache, as {@code mincore(2)} tells. The file is mapped
 * for that, but never read through the mapping, so it doesn't matter if it becomes shorter. Safe
 * for use by several threads.
 */
public final class ResidentPages implements AutoCloseable {
  private static final long PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final MethodHandle mincore;
  private MemorySegment mapping = MemorySegment.NULL;

  private ResidentPages(MethodHandle mincore) {
    this.mincore = mincore;
  }

  /** Looks at an open file; returns nothing where the system can't tell. */
  public static Optional<ResidentPages> of(FileChannel file, long length) {
    if (!System.getProperty("os.name").equals("Linux") || !ThisRuntime.hasNativeAccess()) {
      return Optional.empty();
    }
    ResidentPages pages = new ResidentPages(mincore());
    try {
      pages.mapping = file.map(FileChannel.MapMode.READ_ONLY, 0, length, pages.arena);
      return Optional.of(pages);
    } catch (IOException | UnsupportedOperationException e) {
      pages.close();
      return Optional.empty();
    }
  }

  private static MethodHandle mincore() {
    return Native.function(
        "mincore",
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
  }

  /** Returns whether all of a part of the file is in the page cache. */
  public boolean holds(long position, long bytes) {
    long start = position / PAGE * PAGE;
    long length = Math.min(position + bytes, mapping.byteSize()) - start;
    if (length <= 0) {
      return false;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment pages = scratch.allocate(Math.ceilDiv(length, PAGE));
      MemorySegment part = mapping.asSlice(start, length);
      return (int) mincore.invokeExact(part, length, pages) == 0 && areAllSet(pages);
    } catch (Throwable e) {
      return false;
    }
  }

  private static boolean areAllSet(MemorySegment pages) {
    for (long page = 0; page < pages.byteSize(); page++) {
      if ((pages.get(ValueLayout.JAVA_BYTE, page) & 1) == 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    arena.close();
  }
}
