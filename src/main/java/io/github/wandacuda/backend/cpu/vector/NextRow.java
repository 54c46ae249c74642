package io.github.wandacuda.backend.cpu.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The row behind the one that is worked on. Passes that find all they need in the cache load a word
 * of each of its lines meanwhile: a first half and a second half, by two of them. Otherwise the
 * first pass over a row waits for the memory and the others leave it idle: of 1.8 µs for 4096 BF16
 * columns, the first pass took 1.0, and takes 0.3 when the row was loaded early, which costs the
 * others 0.35 (one thread of a Zen 4; reading 8 KiB at its 16 GB/s takes 0.5).
 */
final class NextRow {
  /** How far passes may reach behind a row: they work on whole vectors and words of bits. */
  private static final long PADDING = 256;

  private static final MemorySegment NOWHERE = Arena.global().allocate(Long.BYTES);

  private final long bytes;
  private MemorySegment memory = NOWHERE;
  private long start;
  private long mask;
  private long touched;

  /**
   * Prepares rows.
   *
   * @param bytes of a row; the next one lies right behind it
   */
  NextRow(long bytes) {
    this.bytes = bytes;
  }

  /** Turns to the row behind one; the last row that lies in {@code all} is left alone. */
  void follow(MemorySegment all, long at) {
    boolean isThere = at + 2 * bytes + PADDING <= all.byteSize();
    memory = isThere ? all : NOWHERE;
    start = isThere ? at + bytes : 0;
    mask = isThere ? -1 : 0;
  }

  /** Returns the memory to load from. */
  MemorySegment memory() {
    return memory;
  }

  /** Returns where the first half starts. */
  long first() {
    return start;
  }

  /** Returns where the second half starts. */
  long second() {
    return start + (bytes / 2 & mask);
  }

  /** Returns what offsets from there are to be masked by. */
  long mask() {
    return mask;
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
