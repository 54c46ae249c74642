package io.github.wandacuda.simd;

import static io.github.wandacuda.scalar.Exponential.BIAS;
import static io.github.wandacuda.scalar.Exponential.C2;
import static io.github.wandacuda.scalar.Exponential.C3;
import static io.github.wandacuda.scalar.Exponential.C4;
import static io.github.wandacuda.scalar.Exponential.C5;
import static io.github.wandacuda.scalar.Exponential.C6;
import static io.github.wandacuda.scalar.Exponential.C7;
import static io.github.wandacuda.scalar.Exponential.FRACTION_BITS;
import static io.github.wandacuda.scalar.Exponential.HIGHEST;
import static io.github.wandacuda.scalar.Exponential.LN2_HIGH;
import static io.github.wandacuda.scalar.Exponential.LN2_LOW;
import static io.github.wandacuda.scalar.Exponential.LOG2_E;
import static io.github.wandacuda.scalar.Exponential.LOWEST;
import static io.github.wandacuda.scalar.Exponential.ROUNDER;
import static io.github.wandacuda.simd.Lanes.constant;

import io.github.wandacuda.scalar.Exponential;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** {@link Exponential} on vectors, operation by operation. */
final class VectorExponential {
  private static final FloatVector ONE = constant(1f);
  private static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);

  private VectorExponential() {}

  /** Returns e^x of each element. */
  static FloatVector exp(FloatVector x) {
    FloatVector raised = x.blend(LOWEST, x.compare(VectorOperators.LT, LOWEST));
    FloatVector clamped = raised.blend(HIGHEST, raised.compare(VectorOperators.GT, HIGHEST));
    FloatVector shifted = clamped.fma(constant(LOG2_E), constant(ROUNDER));
    FloatVector n = shifted.sub(ROUNDER);
    FloatVector r = n.fma(constant(-LN2_HIGH), clamped);
    r = n.fma(constant(-LN2_LOW), r);
    FloatVector p = constant(C7).fma(r, constant(C6));
    p = p.fma(r, constant(C5));
    p = p.fma(r, constant(C4));
    p = p.fma(r, constant(C3));
    p = p.fma(r, constant(C2));
    p = p.fma(r.mul(r), r).add(ONE);
    IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
    IntVector half = power.lanewise(VectorOperators.ASHR, 1);
    return p.mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half)));
  }

  private static FloatVector powerOfTwo(IntVector power) {
    return power.add(BIAS).lanewise(VectorOperators.LSHL, FRACTION_BITS).reinterpretAsFloats();
  }
}
