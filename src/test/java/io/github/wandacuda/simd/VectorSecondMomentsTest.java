package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Thorough;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Matrices that are added in several parts, and in several blocks of pairs. */
class VectorSecondMomentsTest {
  /** More than two parts of the fewest runs. */
  private static final int ROWS = 8 * CpuForwardKernels.RUN + 77;

  @ParameterizedTest
  @ValueSource(ints = {1, 191, 192, 200, 300})
  void partsAddUpToTheScalarSums(int columns) {
    compare(ROWS, columns);
  }

  /** As few columns as give full blocks to two workers, of which the last ones are cut off. */
  @Test
  @Thorough
  void fullBlocksHoldTheScalarSums() {
    compare(CpuForwardKernels.RUN + 3, 1100);
  }

  private static void compare(int rows, int columns) {
    CpuTensor x = new Samples(columns).tensor(rows, columns);
    double[] expected = new double[Math.toIntExact(PackedTriangle.elements(columns))];
    double[] found = new double[expected.length];
    try (Workers workers = new Workers(2)) {
      new ScalarForward().secondMoments(x, MemorySegment.ofArray(expected), workers);
      VectorSecondMoments moments = new VectorSecondMoments(1);
      moments.secondMoments(x, MemorySegment.ofArray(found), workers);
      assertThat(found).isEqualTo(expected);
      moments.secondMoments(x, MemorySegment.ofArray(found), workers);
      new ScalarForward().secondMoments(x, MemorySegment.ofArray(expected), workers);
      assertThat(found).isEqualTo(expected);
    }
  }
}
