package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.FactorKernels;
import io.github.wandacuda.scalar.ScalarFactor;
import io.github.wandacuda.scalar.ScalarSparseGpt;
import io.github.wandacuda.scalar.SparseGptKernels;
import io.github.wandacuda.scalar.TiledTriangle;
import io.github.wandacuda.system.Workers;
import java.util.Arrays;
import java.util.Random;
import jdk.incubator.vector.VectorShape;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** The kernels on vectors give the specification's bits. */
class VectorLayerwisePropertiesTest {
  private static final String PACKAGE = "simd.";

  @Provide
  Arbitrary<VectorShape> shapes() {
    return Arbitraries.of(VectorShape.S_128_BIT, VectorShape.S_256_BIT, VectorShape.S_512_BIT);
  }

  @Property
  void factor(
      @ForAll("shapes") VectorShape shape,
      @ForAll @IntRange(min = 1, max = 4) int threads,
      @ForAll @IntRange(max = 270) int order,
      @ForAll @IntRange(min = -3, max = 60) int rest,
      @ForAll long seed) {
    FactorKernels vector = ShapedKernels.load(FactorKernels.class, PACKAGE + "VectorFactor", shape);
    TiledTriangle expected = matrix(order, rest, seed);
    TiledTriangle found = matrix(order, rest, seed);
    try (Workers workers = new Workers(threads)) {
      boolean positive = new ScalarFactor().invertRoot(expected, workers);
      assertThat(vector.invertRoot(found, workers)).isEqualTo(positive);
      if (positive) {
        assertThat(Arrays.deepEquals(found.rows(), expected.rows())).isTrue();
      }
    }
  }

  /** Returns moments of sparse inputs, some of whose columns are 0, with a dampening. */
  private static TiledTriangle matrix(int order, int rest, long seed) {
    Random random = new Random(seed);
    double[][] inputs = new double[order / 2 + 1][order];
    for (double[] token : inputs) {
      for (int c = 0; c < order; c++) {
        token[c] = c % 7 == 3 || random.nextInt(3) == 0 ? 0 : random.nextGaussian();
      }
    }
    TiledTriangle matrix = new TiledTriangle(order);
    for (int i = 0; i < order; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = i == j ? rest * .01 : 0;
        for (double[] token : inputs) {
          sum += token[i] * token[j];
        }
        matrix.set(i, j, sum);
      }
    }
    return matrix;
  }

  /** What a kernel wrote. */
  private record Pruned(float[] rows, float[] changes, long[] kept, int[] keys) {}

  @Property
  void atMost(
      @ForAll("shapes") VectorShape shape,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 140) int width,
      @ForAll long seed) {
    agree(shape, rows, width, seed, 0, 0);
  }

  @Property
  void groups(
      @ForAll("shapes") VectorShape shape,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 10) int groups,
      @ForAll @IntRange(min = 2, max = 13) int size,
      @ForAll @IntRange(min = 1, max = 12) int pruned,
      @ForAll long seed) {
    agree(shape, rows, groups * size, seed, Math.min(pruned, size - 1), size);
  }

  private static void agree(
      VectorShape shape, int rows, int width, long seed, int pruned, int size) {
    SparseGptKernels vector =
        ShapedKernels.load(SparseGptKernels.class, PACKAGE + "VectorSparseGpt", shape);
    Pruned expected = prune(new ScalarSparseGpt(), rows, width, seed, pruned, size);
    Pruned found = prune(vector, rows, width, seed, pruned, size);
    assertThat(found.keys).isEqualTo(expected.keys);
    assertThat(found.kept).isEqualTo(expected.kept);
    int stride = ColumnBlock.stride(width);
    for (int row = 0; row < rows; row++) {
      int from = row * stride;
      int to = from + width;
      assertThat(bits(found.rows, from, to)).isEqualTo(bits(expected.rows, from, to));
      assertThat(bits(found.changes, from, to)).isEqualTo(bits(expected.changes, from, to));
    }
  }

  private static int[] bits(float[] values, int from, int to) {
    int[] bits = new int[to - from];
    for (int i = from; i < to; i++) {
      bits[i - from] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  /** Prunes groups, or by the middle key if the size is 0. */
  private static Pruned prune(
      SparseGptKernels kernels, int rows, int width, long seed, int pruned, int size) {
    Random random = new Random(seed);
    ColumnBlock block = block(width, random);
    int room = Math.ceilDiv(rows, SparseGptKernels.ROWS) * SparseGptKernels.ROWS;
    float[] weights = new float[room * block.stride()];
    for (int i = 0; i < weights.length; i++) {
      // Few values, so that scores are equal, zeros of both signs among them.
      float[] choice = {0, -0f, 1, -1, .5f, (float) random.nextGaussian(), 3e38f};
      weights[i] = choice[random.nextInt(random.nextInt(20) == 0 ? 7 : 6)];
    }
    float[] changes = new float[weights.length];
    long[] kept = new long[rows * block.words()];
    int[] keys = new int[rows * width + 1];
    kernels.keys(weights, rows, block, keys, 1);
    if (size == 0) {
      int[] sorted = keys.clone();
      Arrays.sort(sorted);
      int threshold = sorted[sorted.length / 2];
      kernels.pruneAtMost(threshold, weights, rows, block, changes, kept);
    } else {
      kernels.pruneGroups(pruned, size, weights, rows, block, changes, kept);
    }
    return new Pruned(weights, changes, kept, keys);
  }

  private static ColumnBlock block(int width, Random random) {
    float[] upper = new float[width * ColumnBlock.stride(width)];
    boolean[] dead = new boolean[width];
    for (int i = 0; i < width; i++) {
      for (int j = i; j < width; j++) {
        float value = random.nextInt(4) == 0 ? 0 : .1f * (float) random.nextGaussian();
        upper[i * ColumnBlock.stride(width) + j] = i == j ? 1 + random.nextInt(2) * .5f : value;
      }
      dead[i] = random.nextInt(30) == 0;
    }
    return new ColumnBlock(width, upper, dead);
  }
}
