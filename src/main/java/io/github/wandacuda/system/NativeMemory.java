package io.github.wandacuda.system;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory off the heap that is no mapping of a file: what kernels may compute on where it lies.
 *
 * <p>A kernel that writes such memory in a loop compares the segment's class itself, with {@link
 * #TYPE}. While the Vector API is still interpreted, its conversions go through segments of byte
 * arrays, and C2 then finds both kinds in the profile that all vector stores share: it no longer
 * knows that a store's base is null, and orders every memory access around it (10 cycles instead of
 * 4 for 64 bytes on a Zen 5, C2 of 25.0.3). After the comparison it does know.
 */
public final class NativeMemory {
  /** The class of such segments. */
  public static final Class<?> TYPE = Arena.global().allocate(1).getClass();

  private NativeMemory() {}

  public static boolean is(MemorySegment segment) {
    return segment.getClass() == TYPE;
  }

  /** Returns what to throw for another segment. */
  public static IllegalArgumentException expected() {
    return new IllegalArgumentException("expected plain native memory");
  }
}
