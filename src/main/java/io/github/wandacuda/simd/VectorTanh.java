package io.github.wandacuda.simd;

import static io.github.wandacuda.scalar.Tanh.C11;
import static io.github.wandacuda.scalar.Tanh.C3;
import static io.github.wandacuda.scalar.Tanh.C5;
import static io.github.wandacuda.scalar.Tanh.C7;
import static io.github.wandacuda.scalar.Tanh.C9;
import static io.github.wandacuda.scalar.Tanh.SMALL;
import static io.github.wandacuda.simd.Lanes.constant;

import io.github.wandacuda.scalar.Tanh;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** {@link Tanh} on vectors, operation by operation. */
final class VectorTanh {
  private static final int SIGN = 0x8000_0000;

  private VectorTanh() {}

  /** Returns cap * tanh(x / cap). */
  static FloatVector softcap(FloatVector x, float cap) {
    return of(x.div(cap)).mul(cap);
  }

  private static FloatVector of(FloatVector x) {
    FloatVector size = x.abs();
    FloatVector square = x.mul(x);
    FloatVector p = constant(C11).fma(square, constant(C9));
    p = p.fma(square, constant(C7));
    p = p.fma(square, constant(C5));
    p = p.fma(square, constant(C3));
    FloatVector small = p.mul(square).fma(x, x);
    FloatVector rest = constant(2f).div(VectorExponential.exp(size.add(size)).add(1f));
    FloatVector large =
        constant(1f)
            .sub(rest)
            .reinterpretAsInts()
            .or(x.reinterpretAsInts().and(SIGN))
            .reinterpretAsFloats();
    return large.blend(small, size.compare(VectorOperators.LT, SMALL));
  }
}
