package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static io.github.wandacuda.simd.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.EQ;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ShortVector;

/** Counts the zeros of rows, of either sign. */
public final class ZeroCounts {
  private static final short MAGNITUDE = Short.MAX_VALUE;

  private ZeroCounts() {}

  public static int count(DType dtype, MemorySegment memory, long at, int columns) {
    int padded = CpuSelectKernels.padded(columns);
    int zeros = dtype == DType.F32 ? words(memory, at, padded) : halves(memory, at, padded);
    return zeros - (padded - columns);
  }

  private static int halves(MemorySegment memory, long at, int columns) {
    int zeros = 0;
    for (int c = 0; c < columns; c += SHORT_COUNT) {
      ShortVector weights =
          ShortVector.fromMemorySegment(
              SHORTS, memory, at + (long) Short.BYTES * c, ByteOrder.LITTLE_ENDIAN);
      zeros += weights.and(MAGNITUDE).compare(EQ, (short) 0).trueCount();
    }
    return zeros;
  }

  private static int words(MemorySegment memory, long at, int columns) {
    int zeros = 0;
    for (int c = 0; c < columns; c += COUNT) {
      zeros += Scores.magnitudes(memory, at + (long) Integer.BYTES * c).compare(EQ, 0).trueCount();
    }
    return zeros;
  }
}
