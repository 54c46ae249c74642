package io.github.wandacuda.library;

import io.github.wandacuda.Mask;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/** What can be told of a caller's memory before anything is read or written. */
final class Memory {
  /** Never started: a thread that confined memory can't belong to. */
  private static final Thread ANOTHER = Thread.ofPlatform().unstarted(() -> {});

  private Memory() {}

  /** Checks that memory, called so in messages, can be read from this thread. */
  static void requireReadable(String argument, MemorySegment memory) {
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException(
          "%s: expected memory that is open, found an arena that is closed".formatted(argument));
    }
    if (!memory.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          "%s: expected memory of this thread or shared memory, found some of another thread's"
              .formatted(argument));
    }
  }

  /** Checks that memory can be written from this thread. */
  static void requireWritable(String argument, MemorySegment memory) {
    requireReadable(argument, memory);
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(
          "%s: expected memory that can be written, found read-only memory".formatted(argument));
    }
  }

  /** Checks that a mask can be written and is that of a matrix. */
  static void requireMask(Mask mask, int rows, int columns) {
    if (mask.rows() != rows || mask.columns() != columns) {
      throw new IllegalArgumentException(
          "mask: expected %d x %d as the matrix, found %d x %d"
              .formatted(rows, columns, mask.rows(), mask.columns()));
    }
    requireWritable("mask", mask.bits());
  }

  /** Returns whether other threads may use memory too. */
  static boolean isShared(MemorySegment memory) {
    return memory.isAccessibleBy(ANOTHER);
  }

  /** Checks that no two elements of a matrix that is written share a byte. */
  static void requireApart(String argument, WeightMatrix matrix) {
    if (matrix.elements() == 0) {
      return;
    }
    boolean wide = matrix.rowStride() >= matrix.columnStride();
    long near = wide ? matrix.columnStride() : matrix.rowStride();
    long far = wide ? matrix.rowStride() : matrix.columnStride();
    int nearCount = wide ? matrix.columns() : matrix.rows();
    int farCount = wide ? matrix.rows() : matrix.columns();
    boolean apart = (nearCount == 1 || near > 0) && (farCount == 1 || far > (nearCount - 1) * near);
    if (!apart) {
      throw new IllegalArgumentException(
          "%s: expected elements apart from each other, found %d x %d with strides %d and %d"
              .formatted(
                  argument,
                  matrix.rows(),
                  matrix.columns(),
                  matrix.rowStride(),
                  matrix.columnStride()));
    }
  }

  /** Returns whether two matrices are one: the same elements at the same places. */
  static boolean isSame(WeightMatrix one, WeightMatrix other) {
    return one.rowStride() == other.rowStride()
        && one.columnStride() == other.columnStride()
        && one.span().equals(other.span());
  }

  /** Checks that two pieces of memory have no byte in common. */
  static void requireDistinct(
      String argument, MemorySegment memory, String other, MemorySegment others) {
    if (memory.asOverlappingSlice(others).isPresent()) {
      throw new IllegalArgumentException(
          "%s: expected memory apart from %s, found an overlap".formatted(argument, other));
    }
  }
}
