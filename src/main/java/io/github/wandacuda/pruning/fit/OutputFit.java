package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.pruning.recipe.ColumnScore;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The choice of the input columns of a linear module that stay, and a least-squares fit of their
 * weights. With G the second moments of the inputs, S the columns that stay and R the others, the
 * fitted weights are {@code W_S + (B_S + W_R G_RS) (G_SS + lambda I)^-1}, lambda being 0.01 of the
 * mean of the diagonal: they give the module's own output where B is 0, and else also what is
 * missing behind it, of which B is the product with the inputs.
 *
 * <p>Products are those of linear layers in float32; the inverse is never made whole but applied as
 * its two triangular factors, which costs half as many digits.
 *
 * @param operations compute the products
 * @param workers do the rest; results are the same for any number of them
 * @param arena owns what is computed
 * @param weights of the module in F32, [output features, input features]
 * @param moments of what the module reads, and of what is missing behind it
 */
public record OutputFit(
    Operations operations,
    WorkerPool workers,
    Arena arena,
    WeightMatrix weights,
    OutputMoments moments) {
  /** Rows of a product that are on the device at a time. */
  private static final int TILE = 256;

  private static final long ALIGNMENT = 64;

  /**
   * Chooses groups of neighbouring columns that go: those with the lowest scores, of equal ones the
   * first.
   *
   * @param width columns of a group
   * @param count how many groups go
   * @param missing whether the weights will be fitted to what is missing behind the module too
   * @return their numbers in ascending order, or nothing if the moments can't be factored
   */
  public Optional<List<Integer>> lowest(ColumnScore score, int width, int count, boolean missing) {
    if (score == ColumnScore.GREEDY) {
      return greedy(width, count, missing);
    }
    double[] scores = new double[weights.columns() / width];
    float[] row = new float[weights.columns()];
    double[] sums = new double[row.length];
    for (int at = 0; at < weights.rows(); at++) {
      weights.read(at, 0, row.length, row, 0);
      for (int column = 0; column < row.length; column++) {
        sums[column] +=
            score == ColumnScore.WANDA ? Math.abs(row[column]) : (double) row[column] * row[column];
      }
    }
    for (int column = 0; column < row.length; column++) {
      scores[column / width] +=
          switch (score) {
            case WANDA -> sums[column] * Math.sqrt(moments.input(column, column));
            case FLAP -> sums[column] * moments.variance(column);
            default -> Math.sqrt(sums[column]);
          };
    }
    return Optional.of(
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparing(group -> scores[group]))
            .limit(count)
            .sorted()
            .toList());
  }

  /** Chooses groups by {@link ColumnElimination}. */
  private Optional<List<Integer>> greedy(int width, int count, boolean missing) {
    int columns = weights.columns();
    List<Integer> all = IntStream.range(0, columns).boxed().toList();
    return factor(all)
        .map(
            factor -> {
              WeightMatrix from = missing ? fitted(all, true, factor) : weights;
              double[][] inverse = moments(upper(factor, arena));
              double[][] products = moments(from);
              // A column that never had another input than 0 can go for nothing.
              all.stream()
                  .filter(factor::isDead)
                  .forEach(
                      column -> {
                        Arrays.fill(products[column], 0);
                        IntStream.range(0, column).forEach(row -> products[row][column - row] = 0);
                      });
              return new ColumnElimination(inverse, products, workers)
                  .remove(width, count).stream().sorted().toList();
            });
  }

  /**
   * Fits the weights of the columns that stay.
   *
   * @param kept those columns, in ascending order
   * @param missing whether they are fitted to what is missing behind the module too
   * @return [output features, kept columns] in F32, or nothing if the moments can't be factored
   */
  public Optional<WeightMatrix> fitted(List<Integer> kept, boolean missing) {
    return factor(kept).map(factor -> fitted(kept, missing, factor));
  }

  private WeightMatrix fitted(List<Integer> kept, boolean missing, GramFactor factor) {
    int rows = weights.rows();
    int[] stay = kept.stream().mapToInt(Integer::intValue).toArray();
    int[] go =
        IntStream.range(0, weights.columns())
            .filter(column -> Arrays.binarySearch(stay, column) < 0)
            .toArray();
    try (Arena memory = Arena.ofShared()) {
      WeightMatrix lost = matrix(rows, go.length, memory, (i, j) -> weights.get(i, go[j]));
      WeightMatrix between =
          matrix(stay.length, go.length, memory, (i, j) -> moments.input(stay[i], go[j]));
      WeightMatrix rest =
          go.length == 0
              ? matrix(rows, stay.length, memory, (i, j) -> 0)
              : product(lost, between, memory);
      if (missing) {
        workers.run(
            rows,
            (worker, i) -> {
              for (int j = 0; j < stay.length; j++) {
                rest.set(i, j, rest.get(i, j) + moments.missing(i, stay[j]));
              }
            });
      }
      WeightMatrix half = product(rest, upper(factor, memory), memory);
      WeightMatrix step = product(half, lower(factor, memory), memory);
      float scale = (float) factor.scale();
      return matrix(
          rows, stay.length, arena, (i, j) -> weights.get(i, stay[j]) + scale * step.get(i, j));
    }
  }

  /** Factors the moments of some columns. */
  private Optional<GramFactor> factor(List<Integer> columns) {
    int count = columns.size();
    Gram gram = new Gram(count, arena.allocate(Gram.elements(count) * Float.BYTES));
    workers.run(
        count,
        (worker, i) -> {
          long start = Gram.rowStart(count, i);
          for (int j = i; j < count; j++) {
            float value = moments.input(columns.get(i), columns.get(j));
            gram.triangle().setAtIndex(FLOAT, start + j - i, value);
          }
        });
    return GramFactor.of(gram, workers);
  }

  /** Returns the factor's triangle as a matrix with zeros below the diagonal. */
  private WeightMatrix upper(GramFactor factor, Arena memory) {
    int columns = factor.columns();
    return matrix(columns, columns, memory, (i, j) -> j < i ? 0 : factor.column(j)[i]);
  }

  /** Returns the transpose of {@link #upper}. */
  private WeightMatrix lower(GramFactor factor, Arena memory) {
    int columns = factor.columns();
    return matrix(columns, columns, memory, (i, j) -> j > i ? 0 : factor.column(i)[j]);
  }

  @FunctionalInterface
  private interface Element {
    float at(int row, int column);
  }

  /** Returns a matrix of F32 whose elements are computed by the workers. */
  private WeightMatrix matrix(int rows, int columns, Arena memory, Element element) {
    WeightMatrix matrix = empty(DType.F32, rows, columns, memory);
    workers.run(
        rows,
        (worker, i) -> {
          for (int j = 0; j < columns; j++) {
            matrix.set(i, j, element.at(i, j));
          }
        });
    return matrix;
  }

  /**
   * Returns a matrix of zeros with dense rows.
   *
   * @param memory owns it
   */
  public static WeightMatrix empty(DType dtype, int rows, int columns, Arena memory) {
    MemorySegment bytes = memory.allocate((long) rows * columns * dtype.bytes(), ALIGNMENT);
    return WeightMatrix.of(bytes, dtype, rows, columns);
  }

  /** Returns {@code a b^T}. */
  private WeightMatrix product(WeightMatrix a, WeightMatrix b, Arena memory) {
    WeightMatrix result = empty(DType.F32, a.rows(), b.rows(), memory);
    try (Weight weight = operations.weight(b);
        Tensor x = operations.tensor(Math.min(TILE, a.rows()), a.columns());
        Tensor out = operations.tensor(x.rows(), b.rows())) {
      for (int from = 0; from < a.rows(); from += TILE) {
        Tensor in = uploaded(a, from, x);
        Tensor to = out.rows(0, in.rows());
        operations.linear(in, weight, null, to);
        operations.download(to, result.rows(from, in.rows()).span());
      }
    }
    return result;
  }

  private Tensor uploaded(WeightMatrix matrix, int from, Tensor to) {
    int count = Math.min(to.rows(), matrix.rows() - from);
    float[] rows = new float[count * matrix.columns()];
    for (int row = 0; row < count; row++) {
      matrix.read(from + row, 0, matrix.columns(), rows, row * matrix.columns());
    }
    Tensor some = to.rows(0, count);
    operations.upload(MemorySegment.ofArray(rows), some);
    return some;
  }

  /** Returns the upper half of {@code a^T a}. */
  private double[][] moments(WeightMatrix a) {
    int columns = a.columns();
    Gram gram = new Gram(columns, arena.allocate(Gram.elements(columns) * Float.BYTES));
    try (SecondMoments sums = operations.secondMoments(columns);
        Tensor x = operations.tensor(Math.min(TILE, a.rows()), columns)) {
      for (int from = 0; from < a.rows(); from += TILE) {
        sums.add(uploaded(a, from, x));
      }
      sums.download(1, gram.triangle());
    }
    double[][] half = new double[columns][];
    workers.run(
        columns,
        (worker, i) -> {
          long start = Gram.rowStart(columns, i);
          half[i] = new double[columns - i];
          for (int j = 0; j < half[i].length; j++) {
            half[i][j] = gram.triangle().getAtIndex(FLOAT, start + j);
          }
        });
    return half;
  }
}
