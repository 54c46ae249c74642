package io.github.wandacuda.bench;

import io.github.wandacuda.bench.cases.PruneCase;
import io.github.wandacuda.bench.cases.StartUpCase;
import io.github.wandacuda.bench.common.Directories;
import java.nio.file.Path;
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
 * Whole runs of the program as processes: pruned from statistics, from samples, and next to
 * nothing. The output is verified before anything is timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 5)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class ProgramBenchmark {
  @Param("target/wanda-cuda.jar")
  private String jar;

  /** A folder of its own on a memory file system. */
  @Param("/dev/shm/wanda-cuda-jmh")
  private String directory;

  /** The size of the checkpoint that is pruned from statistics. */
  @Param("3")
  private double gibibytes;

  private PruneCase statistics;
  private PruneCase samples;
  private StartUpCase startUp;

  /** Writes the checkpoints and checks a run of each kind. */
  @Setup(Level.Trial)
  public void prepare() {
    Path program = Path.of(jar);
    statistics = PruneCase.fromStatistics(folder("statistics"), program, gibibytes);
    samples =
        PruneCase.fromSamples(
            folder("samples"), program, "12x768x2048x12x32000", "16x512", "wanda");
    startUp = new StartUpCase(folder("start-up"), program);
    statistics.check();
    samples.check();
    startUp.check();
  }

  private Path folder(String name) {
    Path folder = Path.of(directory, name);
    Directories.create(folder);
    return folder;
  }

  /** Prunes from statistics. */
  @Benchmark
  public double pruneFromStatistics(Rates rates) {
    return prune(statistics, rates);
  }

  /** Prunes by a calibrated run. */
  @Benchmark
  public double pruneCalibrated(Rates rates) {
    return prune(samples, rates);
  }

  private static double prune(PruneCase prune, Rates rates) {
    rates.weights += prune.weights();
    rates.bytes += 2 * prune.bytes();
    return prune.prune();
  }

  /** Inspects the bundled model. */
  @Benchmark
  public double startUp() {
    return startUp.cpuSeconds();
  }

  /** Makes room for the next run's output. */
  @TearDown(Level.Invocation)
  public void removeOutput() {
    Directories.delete(statistics.output());
    Directories.delete(samples.output());
  }

  /** Removes the checkpoints. */
  @TearDown(Level.Trial)
  public void close() {
    Directories.delete(Path.of(directory));
  }
}
