package io.github.wandacuda.bench;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
 * A linear layer on all CPU threads, 2048 tokens. The time of one call; {@code 2 * tokens * rows *
 * columns} divided by it is the rate in FLOP/s. One output is checked before the call is timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 5, time = 3)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class LinearBenchmark {
  @Param({"4096x4096", "11008x4096"})
  private String shape;

  @Param({"F32", "BF16"})
  private DType dtype;

  @Param("2048")
  private int tokens;

  private final Arena arena = Arena.ofShared();
  private Backend backend;
  private Operations operations;
  private Tensor input;
  private Weight weight;
  private Tensor output;

  /** Makes the data and checks an output. */
  @Setup(Level.Trial)
  public void prepare() {
    backend = Backends.open("cpu", 0, Runtime.getRuntime().availableProcessors()).backend();
    operations = backend.operations();
    int[] sizes = Weights.shape(shape);
    WeightMatrix matrix = Weights.normal(arena, dtype, sizes[0], sizes[1], 1);
    WeightMatrix activations = Weights.normal(arena, DType.F32, tokens, sizes[1], 2);
    weight = operations.weight(matrix);
    input = operations.tensor(tokens, sizes[1]);
    operations.upload(activations.data(), input);
    output = operations.tensor(tokens, sizes[0]);
    linear();
    check(matrix, activations);
  }

  private void check(WeightMatrix matrix, WeightMatrix activations) {
    int row = matrix.rows() - 1;
    int token = tokens - 1;
    double expected = 0;
    for (int column = 0; column < matrix.columns(); column++) {
      expected += (double) activations.get(token, column) * matrix.get(row, column);
    }
    MemorySegment results = arena.allocate((long) tokens * matrix.rows() * Float.BYTES, 64);
    operations.download(output, results);
    float found = results.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * matrix.rows() + row);
    if (Math.abs(found - expected) > 1e-4) {
      throw new IllegalStateException("expected %s, found %s".formatted(expected, found));
    }
  }

  /** Runs the layer. */
  @Benchmark
  public Tensor linear() {
    operations.linear(input, weight, null, output);
    return output;
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    backend.close();
    arena.close();
  }
}
