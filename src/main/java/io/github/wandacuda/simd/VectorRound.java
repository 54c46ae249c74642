package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.ScalarRound;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Rounding to bfloat16, on vectors. */
final class VectorRound {
  /** As many shorts as a vector has ints. */
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.COUNT * Short.SIZE));

  /** One less than half of what the last bit that is kept stands for. */
  private static final int BELOW_HALF = 0x7fff;

  /** A bit that a NaN keeps. */
  private static final int QUIET = 0x40_0000;

  private VectorRound() {}

  /** See {@link CpuForwardKernels#round}. */
  static void round(float[] x, int at, int count, MemorySegment to, long offset) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector values = FloatVector.fromArray(Lanes.FLOATS, x, at + i);
      VectorMask<Integer> nan = values.test(VectorOperators.IS_NAN).cast(Lanes.INTS);
      IntVector bits = values.reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, Short.SIZE).and(1);
      IntVector rounded = bits.add(odd).add(BELOW_HALF).blend(bits.or(QUIET), nan);
      rounded
          .lanewise(VectorOperators.LSHR, Short.SIZE)
          .convertShape(VectorOperators.I2S, HALVES, 0)
          .intoMemorySegment(to, offset + (long) i * Short.BYTES, ByteOrder.nativeOrder());
    }
    ScalarRound.round(x, at + whole, count - whole, to, offset + (long) whole * Short.BYTES);
  }
}
