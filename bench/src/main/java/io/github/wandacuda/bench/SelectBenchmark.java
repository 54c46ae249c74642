package io.github.wandacuda.bench;

import io.github.wandacuda.DType;
import io.github.wandacuda.bench.cases.CopyCase;
import io.github.wandacuda.bench.cases.DataKind;
import io.github.wandacuda.bench.cases.SelectCase;
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
 * Selects a matrix in place on all CPU threads, and copies it. The shapes are those of the modules
 * of LLaMA 7B and 70B. Results are checked before they are timed.
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
  private static final int THREADS = Runtime.getRuntime().availableProcessors();

  @Param({"4096x4096", "4096x11008", "11008x4096", "8192x28672"})
  private String shape;

  @Param({"BF16", "F16", "F32"})
  private DType dtype;

  @Param({"50%", "2:4", "4:8"})
  private String amount;

  @Param({"GAUSSIAN", "TIES", "SPARSE", "REAL"})
  private DataKind data;

  private SelectCase select;
  private CopyCase copy;

  /** Makes the data and checks the results. */
  @Setup(Level.Trial)
  public void prepare() {
    select = new SelectCase(new SelectCase.Setup(shape, dtype, amount, data, THREADS));
    copy = new CopyCase(select.sources(), THREADS);
    select.check();
    copy.check();
  }

  /** Puts matrices back that were selected. */
  @Setup(Level.Invocation)
  public void putBack() {
    select.prepare();
  }

  /** Selects the whole matrix. */
  @Benchmark
  public long select(Rates rates) {
    count(rates);
    return select.run();
  }

  /** Copies the whole matrix. */
  @Benchmark
  public void copy(Rates rates) {
    count(rates);
    copy.run();
  }

  private void count(Rates rates) {
    rates.weights += select.weights();
    rates.bytes += 2 * select.bytes();
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    copy.close();
    select.close();
  }
}
