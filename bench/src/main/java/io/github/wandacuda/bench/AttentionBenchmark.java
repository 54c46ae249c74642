package io.github.wandacuda.bench;

import io.github.wandacuda.bench.cases.AttentionCase;
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

/** Causal attention on all CPU threads. Some outputs are checked before it is timed. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class AttentionBenchmark {
  /** Tokens, heads, features of a head. */
  @Param({"2048x32x128", "2048x32x64"})
  private String shape;

  private AttentionCase attention;

  /** Makes the data and checks the result. */
  @Setup(Level.Trial)
  public void prepare() {
    attention = new AttentionCase(shape, Runtime.getRuntime().availableProcessors());
    attention.check();
  }

  /** Attends. */
  @Benchmark
  public void attention(Rates rates) {
    rates.flops += attention.flops();
    attention.run();
  }

  /** Frees the data. */
  @TearDown(Level.Trial)
  public void close() {
    attention.close();
  }
}
