package io.github.wandacuda.system;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory off the heap that is no mapping of a file, on which kernels compute without a copy.
 *
 * <p>A kernel that writes such memory in a loop compares the segment's class with {@link #TYPE}
 * itself. While the Vector API is still interpreted, its conversions use segments of byte arrays,
 * so C2 finds both kinds in the profile that all vector stores share. It then doesn't know that a
 * store's base is null, and orders every memory access around it (10 cycles instead of 4 for 64
 * bytes on a Zen 5, C2 of 25.0.3). After the comparison it knows.
 */
public final class NativeMemory {
  /** The class of such segments. */
  public static final Class<?> TYPE = Arena.global().allocate(1).getClass();

  private static final long CACHE_LINE = 64;

  private NativeMemory() {}

  /**
   * Returns a dense matrix in new memory, whose elements are zeros.
   *
   * @param arena holds the memory, which begins at a cache line
   * @param dtype the type of the elements
   */
  public static WeightMatrix matrix(Arena arena, DType dtype, int rows, int columns) {
    MemorySegment data = arena.allocate((long) rows * columns * dtype.bytes(), CACHE_LINE);
    return WeightMatrix.of(data, dtype, rows, columns);
  }

  /** Returns whether a segment is such memory. */
  public static boolean is(MemorySegment segment) {
    return segment.getClass() == TYPE;
  }

  /** Returns the exception for another kind of segment, for the caller to throw. */
  public static IllegalArgumentException expected() {
    return new IllegalArgumentException("expected plain native memory");
  }
}
