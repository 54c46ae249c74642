package io.github.wandacuda.bench;

import io.github.wandacuda.bench.cases.Matrices;
import io.github.wandacuda.bench.cases.NormsCase;
import io.github.wandacuda.bench.cases.ReadCase;
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
 * The sums of squares of an activation matrix's columns on all CPU threads, and a plain read of as
 * many bytes. Results are checked before they are timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class ColumnNormsBenchmark {
  private static final int THREADS = Runtime.getRuntime().availableProcessors();

  /** Tokens, then columns. */
  @Param({"2048x4096", "2048x11008"})
  private String shape;

  private NormsCase norms;
  private ReadCase read;

  /** Makes the data and checks the results. */
  @Setup(Level.Trial)
  public void prepare() {
    int[] sizes = Matrices.sizes(shape);
    norms = new NormsCase(sizes[0], sizes[1], THREADS);
    read = new ReadCase(sizes[0], sizes[1], THREADS);
    norms.check();
    read.check();
  }

  /** Adds the whole matrix. */
  @Benchmark
  public void columnNorms(Rates rates) {
    rates.bytes += norms.bytes();
    norms.run();
  }

  /** Reads as many bytes. */
  @Benchmark
  public float read(Rates rates) {
    rates.bytes += read.bytes();
    return read.run();
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    norms.close();
    read.close();
  }
}
