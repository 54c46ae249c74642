package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.EQ;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.backend.cpu.SelectKernels;
import io.github.wandacuda.tensor.DType;
import jdk.incubator.vector.IntVector;

/** Selection with the Vector API. */
public final class VectorSelect implements SelectKernels {
  private static final int MAGNITUDE = 0x7fff_ffff;
  private static final int LOWER_HALF_MAGNITUDE = 0x0000_7fff;
  private static final int UPPER_HALF_MAGNITUDE = 0x7fff_0000;

  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return new VectorRow(dtype, columns, norms, rule);
  }

  @Override
  public int countZeros(DType dtype, int[] words, int columns) {
    int padded = words.length * (dtype == DType.F32 ? 1 : 2);
    int zeros =
        dtype == DType.F32
            ? countZeros(words, MAGNITUDE)
            : countZeros(words, LOWER_HALF_MAGNITUDE) + countZeros(words, UPPER_HALF_MAGNITUDE);
    return zeros - (padded - columns);
  }

  private static int countZeros(int[] words, int magnitude) {
    int zeros = 0;
    for (int i = 0; i < words.length; i += COUNT) {
      zeros += IntVector.fromArray(INTS, words, i).and(magnitude).compare(EQ, 0).trueCount();
    }
    return zeros;
  }
}
