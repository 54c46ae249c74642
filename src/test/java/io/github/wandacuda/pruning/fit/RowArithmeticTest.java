package io.github.wandacuda.pruning.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.LowestColumns;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarRows;
import io.github.wandacuda.simd.ShapedKernels;
import io.github.wandacuda.testing.FirstCases;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The vector arithmetic against the scalar one, to the bit; the scalar one against its formulas.
 */
class RowArithmeticTest {
  private static final int[] COUNTS = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100, 257};
  private static final int OFFSET = 3;

  private final RowArithmetic scalar = new ScalarRows();

  /** What an operation is given. */
  private static final class Inputs {
    final float[] x;
    final float[] y;
    final double[] factors;
    final double[] c;
    final MemorySegment matrix;

    Inputs(long seed, int count, Arena arena) {
      Random random = new Random(seed);
      x = floats(random, count + 2 * OFFSET);
      y = floats(random, count + 2 * OFFSET);
      factors = random.doubles(count, -1, 1).toArray();
      c = random.doubles(count, -1, 1).toArray();
      matrix = arena.allocate(4L * (3L * count + 1), 4);
      matrix.copyFrom(MemorySegment.ofArray(floats(random, 3 * count + 1)));
    }

    private static float[] floats(Random random, int count) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return values;
    }
  }

  /** Returns all that the operations give, as bits. */
  private static List<Long> results(RowArithmetic arithmetic, long seed, int count) {
    List<Long> bits = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      Inputs in = new Inputs(seed, count, arena);
      bits.add(bits(arithmetic.dot(in.x, OFFSET, in.y, 1, count)));
      bits.add(bits(arithmetic.dot(in.matrix, count + 1L, in.c)));
      bits.add(bits(arithmetic.weightedSquares(in.x, OFFSET, in.factors)));
      arithmetic.addRows(in.matrix, 1, 0.7, 2L * count + 1, -1.3, in.c);
      arithmetic.addScaled(0.3, in.x, 1, in.y, OFFSET, count);
      arithmetic.turn(in.y, in.factors, 0.9, in.x, OFFSET);
      for (int i = 0; i < count; i++) {
        bits.add(bits(in.c[i]));
      }
      for (int i = 0; i < in.x.length; i++) {
        bits.add((long) Float.floatToRawIntBits(in.x[i]));
        bits.add((long) Float.floatToRawIntBits(in.y[i]));
      }
    }
    return bits;
  }

  private static long bits(double value) {
    return Double.doubleToRawLongBits(value);
  }

  @ParameterizedTest
  @EnumSource(
      value = VectorShape.class,
      names = {"S_128_BIT", "S_256_BIT", "S_512_BIT"})
  @FirstCases(2)
  void vectorsGiveTheScalarBits(VectorShape shape) {
    RowArithmetic vector = ShapedKernels.load(RowArithmetic.class, "simd.VectorRows", shape);
    for (int count : COUNTS) {
      assertThat(results(vector, count, count))
          .as("%d elements", count)
          .isEqualTo(results(scalar, count, count));
      assertThat(lowest(vector, count)).isEqualTo(lowest(scalar, count));
      assertThat(lowestPairs(vector, count)).isEqualTo(lowestPairs(scalar, count));
      assertThat(offered(vector, count, count))
          .as("lowest of %d columns", count)
          .isEqualTo(offered(scalar, count, count));
    }
  }

  @Test
  void sumsAreThoseOfTheFormulas() {
    try (Arena arena = Arena.ofConfined()) {
      Inputs in = new Inputs(1, 100, arena);
      double dot = 0;
      double squares = 0;
      double row = 0;
      for (int i = 0; i < 100; i++) {
        dot += (double) in.x[OFFSET + i] * in.y[i];
        squares += (double) in.x[OFFSET + i] * in.x[OFFSET + i] * in.factors[i];
        row += in.matrix.getAtIndex(ValueLayout.JAVA_FLOAT, 7 + i) * in.c[i];
      }
      assertThat(scalar.dot(in.x, OFFSET, in.y, 0, 100)).isEqualTo(dot, within(1e-12));
      assertThat(scalar.weightedSquares(in.x, OFFSET, in.factors))
          .isEqualTo(squares, within(1e-12));
      assertThat(scalar.dot(in.matrix, 7, in.c)).isEqualTo(row, within(1e-12));
    }
  }

  /** Returns the lowest columns of scores with many ties, below a limit or not. */
  private static List<Object> offered(RowArithmetic arithmetic, long seed, int count) {
    double[] scores = new Random(seed).ints(count, -9, 9).asDoubleStream().toArray();
    List<Object> found = new ArrayList<>();
    for (double limit : new double[] {Double.POSITIVE_INFINITY, 0}) {
      LowestColumns lowest = new LowestColumns();
      lowest.clear(limit);
      arithmetic.offer(scores, lowest);
      int[] columns = IntStream.range(0, lowest.size()).map(lowest::column).toArray();
      assertThat(columns)
          .isEqualTo(
              IntStream.range(0, count)
                  .filter(k -> scores[k] < limit)
                  .boxed()
                  .sorted(Comparator.comparingDouble(k -> scores[k]))
                  .limit(LowestColumns.MOST)
                  .mapToInt(k -> k)
                  .toArray());
      for (int rank = 0; rank < columns.length; rank++) {
        assertThat(lowest.score(rank)).isEqualTo(scores[columns[rank]]);
        found.add(columns[rank]);
      }
    }
    return found;
  }

  /** Returns the columns of the lowest values, some of them equal, some infinite. */
  private static List<Integer> lowest(RowArithmetic arithmetic, int count) {
    List<Integer> found = new ArrayList<>();
    for (int seed = 0; seed < 40; seed++) {
      Random random = new Random(seed);
      double[] x = random.ints(count, -2, 3).asDoubleStream().toArray();
      double[] y = random.ints(count, -2, 3).asDoubleStream().toArray();
      float[] row = new float[count + 1];
      int expected = 0;
      double least = Double.POSITIVE_INFINITY;
      for (int k = 0; k < count; k++) {
        row[k + 1] = random.nextInt(3) - 1;
        y[k] = random.nextInt(4) == 0 ? y[k] : Double.POSITIVE_INFINITY;
        double value = 0.5 * x[k] * row[k + 1] + y[k];
        expected = value < least ? k : expected;
        least = Math.min(value, least);
      }
      int column = arithmetic.lowest(MemorySegment.ofArray(row), 1, 0.5, x, y);
      assertThat(column).isEqualTo(expected);
      found.add(column);
    }
    return found;
  }

  /** Returns the lowest of pairs, some of which are infinite or no number. */
  private static double[] lowestPairs(RowArithmetic arithmetic, int seed) {
    Random random = new Random(seed);
    int reach = seed % 9;
    double[] values = {-1, 0, 0.1, 0.7, Double.NaN, 1 / 0.0, -1 / 0.0, random.nextGaussian()};
    double[] found = new double[Math.ceilDiv(seed, RowArithmetic.LANES) * RowArithmetic.LANES];
    double[] x = new double[found.length + reach];
    double[] less = new double[found.length * reach];
    Arrays.setAll(x, k -> values[random.nextInt(8)]);
    Arrays.setAll(less, k -> values[random.nextInt(8)]);
    arithmetic.lowestPairs(x, less, found);
    for (int k = 0; k < found.length; k++) {
      int column = k;
      double expected =
          IntStream.rangeClosed(1, reach)
              .mapToDouble(d -> x[column] + x[column + d] - less[(d - 1) * found.length + column])
              .filter(value -> !Double.isNaN(value))
              .min()
              .orElse(Double.POSITIVE_INFINITY);
      assertThat(found[k]).isEqualTo(expected);
    }
    return found;
  }
}
