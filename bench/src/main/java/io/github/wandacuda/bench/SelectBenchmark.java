package io.github.wandacuda.bench;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.AuxCounters;
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
 * Selects a matrix, from one buffer into another, on all CPU threads. The shapes are those of
 * LLaMA-7B's modules. The result is checked before it is timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class SelectBenchmark {
  private static final int TILE_ROWS = 128;

  @Param({"4096x4096", "11008x4096", "4096x11008"})
  private String shape;

  @Param({"F32", "F16", "BF16"})
  private DType dtype;

  @Param({"50%", "2:4"})
  private String amount;

  private final Arena arena = Arena.ofShared();
  private Backend backend;
  private WeightMatrix source;
  private WeightMatrix destination;
  private float[] norms;
  private SelectionRule rule;

  /** Makes the data and checks that half of it goes. */
  @Setup(Level.Trial)
  public void prepare() {
    backend = Backends.open("cpu", 0, Runtime.getRuntime().availableProcessors()).backend();
    int[] sizes = Weights.shape(shape);
    source = Weights.normal(arena, dtype, sizes[0], sizes[1], 1);
    destination = Weights.empty(arena, dtype, sizes[0], sizes[1]);
    norms = Weights.norms(sizes[1], 2);
    rule =
        amount.equals("2:4")
            ? new SelectionRule.LowestPerGroup(2, 4)
            : new SelectionRule.LowestPerRow(sizes[1] / 2);
    long pruned = selectAll();
    if (pruned != source.elements() / 2 || backend.selector().countZeros(destination) < pruned) {
      throw new IllegalStateException("%d of %d pruned".formatted(pruned, source.elements()));
    }
  }

  /** Weights and bytes a second, beside the calls. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Rates {
    /** Weights selected. */
    public long weights;

    /** Bytes read and written. */
    public long bytes;

    /** Starts an iteration. */
    @Setup(Level.Iteration)
    public void reset() {
      weights = 0;
      bytes = 0;
    }
  }

  /** Selects the whole matrix. */
  @Benchmark
  public long select(Rates rates) {
    long pruned = selectAll();
    rates.weights += source.elements();
    rates.bytes += 2 * source.elements() * dtype.bytes();
    return pruned;
  }

  private long selectAll() {
    int tiles = (source.rows() + TILE_ROWS - 1) / TILE_ROWS;
    return IntStream.range(0, tiles).parallel().mapToLong(this::selectTile).sum();
  }

  private long selectTile(int tile) {
    int first = tile * TILE_ROWS;
    int rows = Math.min(TILE_ROWS, source.rows() - first);
    return backend
        .selector()
        .select(source.rows(first, rows), norms, rule, destination.rows(first, rows), null)
        .pruned();
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    backend.close();
    arena.close();
  }
}
