package io.github.wandacuda.system;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.util.BitSet;
import java.util.Optional;

/**
 * Tells which pages of a file are in the page cache, by {@code mincore(2)}. The file is mapped for
 * that but never read through the mapping, so that it may become shorter meanwhile. Safe for use by
 * several threads.
 */
public final class ResidentPages implements AutoCloseable {
  static final long PAGE = 4096;

  /** Pages that are asked for at a time: those of a GiB. */
  private static final long PART = 1 << 18;

  private final Arena arena = Arena.ofShared();
  private final MethodHandle mincore;
  private MemorySegment mapping = MemorySegment.NULL;

  private ResidentPages(MethodHandle mincore) {
    this.mincore = mincore;
  }

  /**
   * Maps an open file.
   *
   * @param file may be closed afterwards
   * @param length bytes of the file
   * @return the caller's to close; nothing if the system can't tell about pages
   */
  public static Optional<ResidentPages> of(FileChannel file, long length) {
    if (!System.getProperty("os.name").equals("Linux") || !ThisRuntime.hasNativeAccess()) {
      return Optional.empty();
    }
    ResidentPages pages =
        new ResidentPages(
            Native.ints(
                "mincore", ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
    try {
      pages.mapping = file.map(FileChannel.MapMode.READ_ONLY, 0, length, pages.arena);
      return Optional.of(pages);
    } catch (IOException | UnsupportedOperationException e) {
      pages.close();
      return Optional.empty();
    }
  }

  /**
   * Returns whether a part of the file is in the page cache as a whole; false if the system doesn't
   * say.
   */
  public boolean holds(long position, long bytes) {
    long end = Math.min(position + bytes, mapping.byteSize());
    return position < end && absent(position / PAGE, end).filter(BitSet::isEmpty).isPresent();
  }

  /**
   * Returns a bit for each page, 1 if it isn't in the page cache.
   *
   * @return nothing if the system doesn't say
   */
  Optional<BitSet> absent() {
    return absent(0, mapping.byteSize());
  }

  private Optional<BitSet> absent(long first, long end) {
    BitSet absent = new BitSet();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment pages = scratch.allocate(Math.min(PART, Math.ceilDiv(end, PAGE) - first));
      for (long start = first * PAGE; start < end; start += PART * PAGE) {
        long length = Math.min(PART * PAGE, end - start);
        if (!look(start, length, pages)) {
          return Optional.empty();
        }
        for (long page = 0; page < Math.ceilDiv(length, PAGE); page++) {
          boolean there = (pages.get(ValueLayout.JAVA_BYTE, page) & 1) != 0;
          absent.set((int) (start / PAGE - first + page), !there);
        }
      }
    }
    return Optional.of(absent);
  }

  private boolean look(long start, long length, MemorySegment pages) {
    try {
      return (int) mincore.invokeExact(mapping.asSlice(start, length), length, pages) == 0;
    } catch (Throwable e) {
      return false;
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
