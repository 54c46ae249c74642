package io.github.wandacuda.system;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pages that a large file brings into the page cache while it is read. They can be dropped
 * again by {@code posix_fadvise(2)}, so that what the machine had cached before stays.
 *
 * @param file the file that is read
 * @param absent a bit for each page of the file, 1 if it wasn't in the page cache before
 */
public record AddedPages(Path file, BitSet absent) {
  private static final Logger LOG = LoggerFactory.getLogger(AddedPages.class);

  /** {@code POSIX_FADV_DONTNEED} of Linux. */
  private static final int DONT_NEED = 4;

  private static final int READ_ONLY = 0;

  /**
   * Notes which pages of an open file aren't in the page cache.
   *
   * @param channel the file, open for reading
   * @param length bytes of the file
   * @return nothing if the system can't tell
   */
  public static Optional<AddedPages> after(Path file, FileChannel channel, long length) {
    try (ResidentPages pages = ResidentPages.of(channel, length).orElse(null)) {
      return pages == null
          ? Optional.empty()
          : pages.absent().map(absent -> new AddedPages(file, absent));
    }
  }

  /**
   * Drops the noted pages from the page cache, even if another program reads them. If the system
   * refuses, nothing happens.
   */
  public void drop() {
    try (Arena scratch = Arena.ofConfined()) {
      MethodHandle open = Native.ints("open", ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
      int descriptor = (int) open.invokeExact(scratch.allocateFrom(file.toString()), READ_ONLY);
      if (descriptor < 0) {
        return;
      }
      try {
        drop(descriptor);
      } finally {
        int ignored = (int) Native.ints("close", ValueLayout.JAVA_INT).invokeExact(descriptor);
      }
    } catch (Throwable e) {
      LOG.debug("pages of {} stay in the page cache", file, e);
    }
  }

  private void drop(int descriptor) throws Throwable {
    MethodHandle advise =
        Native.ints(
            "posix_fadvise",
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT);
    int from = absent.nextSetBit(0);
    while (from >= 0) {
      int to = absent.nextClearBit(from);
      int ignored =
          (int)
              advise.invokeExact(
                  descriptor,
                  from * ResidentPages.PAGE,
                  (to - from) * ResidentPages.PAGE,
                  DONT_NEED);
      from = absent.nextSetBit(to);
    }
  }
}
