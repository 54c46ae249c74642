package io.github.wandacuda.bench;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The sums of squares of an activation matrix's columns on all CPU threads, checked before they are
 * timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class ColumnNormsBenchmark {
  /** Tokens, then columns. */
  @Param({"2048x4096", "2048x11008"})
  private String shape;

  private final Arena arena = Arena.ofShared();
  private Backend backend;
  private Tensor input;
  private ColumnSquares squares;

  /** Makes the data and checks a column. */
  @Setup(Level.Trial)
  public void prepare() {
    backend = Backends.open("cpu", 0, Runtime.getRuntime().availableProcessors()).backend();
    Operations operations = backend.operations();
    int[] sizes = Weights.shape(shape);
    WeightMatrix activations = Weights.normal(arena, DType.F32, sizes[0], sizes[1], 1);
    input = operations.tensor(sizes[0], sizes[1]);
    operations.upload(activations.data(), input);
    squares = operations.columnSquares(sizes[1]);
    squares.add(input);
    check(activations, squares.sums());
  }

  private static void check(WeightMatrix activations, double[] sums) {
    int column = activations.columns() - 1;
    double expected = 0;
    for (int token = 0; token < activations.rows(); token++) {
      expected += Math.pow(activations.get(token, column), 2);
    }
    if (Math.abs(sums[column] - expected) > 1e-5 * expected) {
      throw new IllegalStateException("expected %s, found %s".formatted(expected, sums[column]));
    }
  }

  /** Adds the whole matrix. */
  @Benchmark
  public ColumnSquares columnNorms() {
    squares.add(input);
    return squares;
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    backend.close();
    arena.close();
  }
}
