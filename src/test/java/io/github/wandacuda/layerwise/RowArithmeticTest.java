package io.github.wandacuda.layerwise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.layerwise.reference.RowArithmetic;
import io.github.wandacuda.layerwise.reference.ScalarRows;
import io.github.wandacuda.layerwise.reference.SwapCandidates;
import io.github.wandacuda.simd.ShapedKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
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
  void vectorsGiveTheScalarBits(VectorShape shape) {
    RowArithmetic vector =
        ShapedKernels.load(RowArithmetic.class, "layerwise.simd.VectorRows", shape);
    for (int count : COUNTS) {
      assertThat(results(vector, count, count))
          .as("%d elements", count)
          .isEqualTo(results(scalar, count, count));
      assertThat(offered(vector, count, count))
          .as("candidates of %d columns", count)
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

  /** Returns the columns and scores of both sides after two rounds, with many ties. */
  private static List<Object> offered(RowArithmetic arithmetic, long seed, int count) {
    Random random = new Random(seed);
    SwapCandidates kept = new SwapCandidates(count);
    SwapCandidates pruned = new SwapCandidates(count);
    double[] twice = random.ints(count, -2, 3).asDoubleStream().toArray();
    double[] c = random.ints(count, -2, 3).asDoubleStream().toArray();
    for (int k = 0; k < count; k++) {
      boolean one = random.nextBoolean();
      kept.offsets()[k] = one ? 0 : Double.POSITIVE_INFINITY;
      pruned.offsets()[k] = one ? Double.POSITIVE_INFINITY : 0;
    }
    List<Object> found = new ArrayList<>();
    arithmetic.offer(twice, c, kept, pruned);
    lowest(twice, c, 1, kept, found);
    lowest(twice, c, -1, pruned, found);
    if (kept.size() > 0 && pruned.size() > 0) {
      int leaves = kept.column(0);
      int comes = pruned.column(0);
      exchange(kept, pruned, leaves);
      exchange(pruned, kept, comes);
      c[count / 2] += 5;
      kept.renew(leaves, comes, 1, twice, c);
      pruned.renew(comes, leaves, -1, twice, c);
      arithmetic.offer(twice, c, kept, pruned);
      lowest(twice, c, 1, kept, found);
      lowest(twice, c, -1, pruned, found);
    }
    return found;
  }

  private static void exchange(SwapCandidates from, SwapCandidates to, int column) {
    from.offsets()[column] = Double.POSITIVE_INFINITY;
    to.offsets()[column] = 0;
  }

  /** Checks one side against all its scores, sorted, and adds it to what was found. */
  private static void lowest(
      double[] twice, double[] c, int sign, SwapCandidates side, List<Object> found) {
    int[] expected =
        IntStream.range(0, c.length)
            .filter(k -> side.offsets()[k] == 0)
            .boxed()
            .sorted(Comparator.comparingDouble(k -> sign * twice[k] * c[k] + 0.0))
            .limit(SwapCandidates.MOST)
            .mapToInt(k -> k)
            .toArray();
    int[] columns = IntStream.range(0, side.size()).map(side::column).toArray();
    assertThat(columns).isEqualTo(expected);
    for (int rank = 0; rank < side.size(); rank++) {
      assertThat(side.score(rank)).isEqualTo(sign * twice[columns[rank]] * c[columns[rank]] + 0.0);
      found.add(columns[rank]);
      found.add(side.score(rank));
    }
  }
}
