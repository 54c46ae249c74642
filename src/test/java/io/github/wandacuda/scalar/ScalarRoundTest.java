package io.github.wandacuda.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.simd.ShapedKernels;
import io.github.wandacuda.testing.FirstCases;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rounding to bfloat16: to the nearest, and vectors round as one by one. */
class ScalarRoundTest {
  private static final int EDGE = 5;

  private static short[] rounded(CpuForwardKernels kernels, float[] values, int at, int count) {
    MemorySegment to = Arena.ofAuto().allocate(Short.BYTES * (count + 2L * EDGE));
    to.fill((byte) 0x55);
    kernels.round(values, at, count, to, Short.BYTES * EDGE);
    short[] all = to.toArray(ValueLayout.JAVA_SHORT);
    for (int i = 0; i < EDGE; i++) {
      assertThat(all[i]).isEqualTo((short) 0x5555);
      assertThat(all[EDGE + count + i]).isEqualTo((short) 0x5555);
    }
    short[] halves = new short[count];
    System.arraycopy(all, EDGE, halves, 0, count);
    return halves;
  }

  @Test
  void theNearestIsTakenAndOfTwoTheEvenOne() {
    float[] values = Samples.wholeRange().data();
    short[] found = rounded(new ScalarForward(), values, 0, values.length);
    for (int i = 0; i < values.length; i++) {
      float value = values[i];
      float half = DType.BF16.value(found[i]);
      if (Float.isNaN(value)) {
        assertThat(half).isNaN();
        continue;
      }
      int below = Float.floatToRawIntBits(value) & 0xffff_0000;
      double lower = Float.intBitsToFloat(below);
      // The next one away from zero; beyond the largest there is infinity, as if it were a number.
      boolean last = (below & 0x7fff_0000) == 0x7f7f_0000;
      double upper = last ? Math.copySign(0x1p128, value) : Float.intBitsToFloat(below + 0x10000);
      double down = Math.abs(value - lower);
      double up = Math.abs(upper - value);
      boolean takesUpper = up < down || up == down && (below & 0x10000) != 0;
      float expected = takesUpper ? Float.intBitsToFloat(below + 0x10000) : (float) lower;
      assertThat(Float.floatToRawIntBits(half))
          .as("%a", value)
          .isEqualTo(Float.floatToRawIntBits(Float.isInfinite(value) ? value : expected));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"S_128_BIT", "S_256_BIT", "S_512_BIT"})
  @FirstCases(2)
  void vectorsGiveTheSame(VectorShape shape) {
    CpuForwardKernels vector =
        ShapedKernels.load(CpuForwardKernels.class, "simd.VectorForward", shape);
    float[] values = Samples.wholeRange().data();
    assertThat(rounded(vector, values, 0, values.length))
        .isEqualTo(rounded(new ScalarForward(), values, 0, values.length));
    for (int count = 0; count < 40; count++) {
      assertThat(rounded(vector, values, 32600 + count, count))
          .isEqualTo(rounded(new ScalarForward(), values, 32600 + count, count));
    }
  }
}
