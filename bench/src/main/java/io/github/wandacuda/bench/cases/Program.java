package io.github.wandacuda.bench.cases;

import io.github.wandacuda.bench.common.AnonymousMemory;
import io.github.wandacuda.bench.common.ProgramRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Runs the program, or another one beside it, as a process. */
public final class Program {
  private static final double MOST_SECONDS = 1800;

  private final Path jar;
  private final ProgramRun runs;

  /**
   * Finds the program.
   *
   * @param directory where its output goes
   * @param jar the program
   */
  Program(Path directory, Path jar) {
    if (!Files.exists(jar)) {
      throw new IllegalStateException(jar + " is missing: mvn -q -DskipTests package");
    }
    this.jar = jar;
    runs = new ProgramRun(directory);
  }

  /** Runs it as a user does, on the Java that this process has. */
  ProgramRun.Ended run(List<String> arguments) {
    return other(command(arguments));
  }

  /** Runs it so and returns the most anonymous memory that it took, in bytes. */
  long peakMemory(List<String> arguments) {
    List<AnonymousMemory> memory = new ArrayList<>();
    run(command(arguments), process -> memory.add(new AnonymousMemory(process)));
    return memory.getFirst().peak();
  }

  /** Runs it so and returns the seconds from when a folder has its first shard, finished or not. */
  double secondsOfWriting(List<String> arguments, Path folder) {
    long[] begun = new long[1];
    run(command(arguments), process -> begun[0] = awaitShard(process, folder));
    return (System.nanoTime() - begun[0]) / 1e9;
  }

  /** Looks each millisecond. */
  private static long awaitShard(Process process, Path folder) {
    try {
      boolean ended = false;
      while (!ended && !hasShard(folder)) {
        ended = process.waitFor(1, TimeUnit.MILLISECONDS);
      }
      return System.nanoTime();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private static boolean hasShard(Path folder) {
    String[] names = folder.toFile().list();
    return names != null
        && Arrays.stream(names).anyMatch(name -> name.matches(".*[.](part|partial|safetensors)"));
  }

  private List<String> command(List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", jar.toString()));
    command.addAll(arguments);
    return command;
  }

  /** Starts and ends the Java that this process has. */
  ProgramRun.Ended startJava() {
    return other(
        List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-version"));
  }

  /** Returns the seconds until all that was written is on the device. */
  double sync() {
    return other(List.of("sync")).seconds();
  }

  /** Runs another program. */
  ProgramRun.Ended other(List<String> command) {
    return run(command, process -> {});
  }

  private ProgramRun.Ended run(List<String> command, Consumer<Process> started) {
    try {
      return runs.run(command, MOST_SECONDS, started);
    } catch (ProgramRun.FailedException e) {
      throw new IllegalStateException(String.join(" ", command) + ": " + e.getMessage(), e);
    }
  }
}
