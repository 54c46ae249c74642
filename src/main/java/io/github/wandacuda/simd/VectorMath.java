package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.constant;

import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.NormalTail;
import io.github.wandacuda.scalar.Tanh;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** {@link Exponential}, {@link Tanh} and {@link NormalTail} on vectors, operation by operation. */
final class VectorMath {
  private static final FloatVector ONE = constant(1f);
  private static final int ROUNDER_BITS = Float.floatToRawIntBits(Exponential.ROUNDER);
  private static final int SIGN = 0x8000_0000;

  private VectorMath() {}

  static FloatVector exp(FloatVector x) {
    float lowest = Exponential.LOWEST;
    float highest = Exponential.HIGHEST;
    FloatVector raised = x.blend(lowest, x.compare(VectorOperators.LT, lowest));
    FloatVector clamped = raised.blend(highest, raised.compare(VectorOperators.GT, highest));
    FloatVector shifted = clamped.fma(constant(Exponential.LOG2_E), constant(Exponential.ROUNDER));
    FloatVector n = shifted.sub(Exponential.ROUNDER);
    FloatVector r = n.fma(constant(-Exponential.LN2_HIGH), clamped);
    r = n.fma(constant(-Exponential.LN2_LOW), r);
    FloatVector p = constant(Exponential.C7).fma(r, constant(Exponential.C6));
    p = p.fma(r, constant(Exponential.C5));
    p = p.fma(r, constant(Exponential.C4));
    p = p.fma(r, constant(Exponential.C3));
    p = p.fma(r, constant(Exponential.C2));
    p = p.fma(r.mul(r), r).add(ONE);
    IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
    IntVector half = power.lanewise(VectorOperators.ASHR, 1);
    return p.mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half)));
  }

  private static FloatVector powerOfTwo(IntVector power) {
    return power
        .add(Exponential.BIAS)
        .lanewise(VectorOperators.LSHL, Exponential.FRACTION_BITS)
        .reinterpretAsFloats();
  }

  /** Returns cap * tanh(x / cap). */
  static FloatVector softcap(FloatVector x, float cap) {
    return tanh(x.div(cap)).mul(cap);
  }

  private static FloatVector tanh(FloatVector x) {
    FloatVector size = x.abs();
    FloatVector square = x.mul(x);
    FloatVector p = constant(Tanh.C11).fma(square, constant(Tanh.C9));
    p = p.fma(square, constant(Tanh.C7));
    p = p.fma(square, constant(Tanh.C5));
    p = p.fma(square, constant(Tanh.C3));
    FloatVector small = p.mul(square).fma(x, x);
    FloatVector rest = constant(2f).div(exp(size.add(size)).add(1f));
    IntVector sign = x.reinterpretAsInts().and(SIGN);
    FloatVector large = constant(1f).sub(rest).reinterpretAsInts().or(sign).reinterpretAsFloats();
    return large.blend(small, size.compare(VectorOperators.LT, Tanh.SMALL));
  }

  /** Returns Phi(-a). */
  static FloatVector normalTail(FloatVector a) {
    FloatVector t = constant(1f).div(a.fma(constant(NormalTail.RATE), constant(1f)));
    FloatVector q = constant(NormalTail.C9).fma(t, constant(NormalTail.C8));
    q = q.fma(t, constant(NormalTail.C7));
    q = q.fma(t, constant(NormalTail.C6));
    q = q.fma(t, constant(NormalTail.C5));
    q = q.fma(t, constant(NormalTail.C4));
    q = q.fma(t, constant(NormalTail.C3));
    q = q.fma(t, constant(NormalTail.C2));
    q = q.fma(t, constant(NormalTail.C1));
    q = q.fma(t, constant(NormalTail.C0));
    return exp(a.mul(-0.5f).mul(a)).mul(t.mul(q));
  }
}
