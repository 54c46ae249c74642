package io.github.wandacuda.backend.cpu.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The row behind the one that is worked on. Passes that find all they need in the cache load a word
 * of each of its lines meanwhile. Otherwise the first pass over a row waits for the memory and the
 * others leave it idle: of 1.8 µs for 4096 BF16 columns, the first pass took 1.0, and takes 0.3
 * when the row was loaded early, which costs the others 0.35 (one thread of a Zen 4; reading 8 KiB
 * at its 16 GB/s takes 0.5).
 */
final class NextRow {
  /** How far passes may reach behind a row: they work on whole vectors and words of bits. */
  private static final long PADDING = 256;

  /** The bytes of a cache's line. */
  static final int LINE = 64;

  private final long bytes;
  private MemorySegment memory = MemorySegment.NULL;
  private long start;
  private long touched;

  /**
   * Prepares rows.
   *
   * @param bytes of a row; the next one lies right behind it
   */
  NextRow(long bytes) {
    this.bytes = bytes;
  }

  /**
   * Turns to the row behind one. If that is the last one in {@code all}, it is turned to itself: it
   * is in the cache already, so that loading it again costs little, and needs no other code.
   */
  void follow(MemorySegment all, long at) {
    memory = all;
    long behind = at + bytes;
    boolean isThere = behind + bytes + PADDING <= all.byteSize();
    start = isThere ? behind + (-all.address() - behind & LINE - 1) : at;
  }

  /** Returns the memory to load from. */
  MemorySegment memory() {
    return memory;
  }

  /** Returns where the row's first line starts. */
  long start() {
    return start;
  }

  /** Returns where the first line of its second half starts. */
  long middle() {
    return start + bytes / 2 / LINE * LINE;
  }

  /** Loads a word; all words of a pass are to be combined and {@link #keep kept}. */
  static long touch(MemorySegment memory, long at) {
    return memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
  }

  /** Takes what a pass has loaded, which would not be loaded at all if nobody wanted it. */
  void keep(long words) {
    touched = words;
  }

  /** Returns what was kept last. */
  long kept() {
    return touched;
  }
}
