package io.github.wandacuda.bench;

import io.github.wandacuda.DType;
import io.github.wandacuda.bench.cases.LinearCase;
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

/** A linear layer on all CPU threads. Some outputs are checked before it is timed. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class LinearBenchmark {
  @Param({"4096x4096", "11008x4096"})
  private String shape;

  @Param({"F32", "BF16", "F16"})
  private DType dtype;

  @Param("2048")
  private int tokens;

  private LinearCase linear;

  /** Makes the data and checks the result. */
  @Setup(Level.Trial)
  public void prepare() {
    linear = new LinearCase(tokens, shape, dtype, Runtime.getRuntime().availableProcessors());
    linear.check();
  }

  /** Runs the layer. */
  @Benchmark
  public void linear(Rates rates) {
    rates.weights += linear.matrix().elements();
    rates.flops += linear.flops();
    linear.run();
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    linear.close();
  }
}
