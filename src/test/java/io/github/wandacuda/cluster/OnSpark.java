package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that all trials share, and runs on it beside runs on one machine. */
@ExtendWith(OnSpark.StartedOnce.class)
abstract class OnSpark {
  static final Path TINY = TestData.TINY_LLAMA.toAbsolutePath();
  static final long SECONDS = 300;

  @TempDir static Path directory;

  static SparkProcesses spark;

  /** Starts the cluster before the first class, to be ended after the last one. */
  static final class StartedOnce implements BeforeAllCallback {
    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
      if (spark == null) {
        spark = new SparkProcesses();
        context.getRoot().getStore(Namespace.create(OnSpark.class)).put("cluster", spark);
      }
    }
  }

  @BeforeAll
  static void takeFolder() {
    spark.writeTo(directory);
  }

  static Object[] prune(Path model, Path output, Object... options) {
    return words(
        List.of("prune", "--model", model, "--output", output, "--backend", "cpu"), options);
  }

  static Object[] words(List<Object> first, Object... more) {
    return Stream.concat(first.stream(), Stream.of(more)).toArray();
  }

  static Ended onOneMachine(Path model, Path output, Object... options) throws IOException {
    return onOneMachine(prune(model, output, options));
  }

  static Ended onOneMachine(Object... words) throws IOException {
    return Command.jar(words).within(SECONDS).run();
  }

  static Process onSpark(String name, int executors, Path model, Path output, Object... options)
      throws IOException {
    Object[] words = words(List.of("--cluster", "spark"), options);
    return spark.submit(name, executors, prune(model, output, words));
  }

  static int end(Process process) throws InterruptedException {
    assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  static void assertEnds(int expected, Process process, String name) throws Exception {
    assertThat(end(process)).as(spark.log(name)).isEqualTo(expected);
  }

  static void assertLikeOneMachine(String name, int executors, Path model, Object... options)
      throws Exception {
    Path expected = directory.resolve(name + "-expected");
    assertThat(onOneMachine(model, expected, options).exitCode()).isZero();
    Path output = directory.resolve(name);
    assertEnds(0, onSpark(name, executors, model, output, options), name);
    Directories.assertSame(expected, output);
  }
}
