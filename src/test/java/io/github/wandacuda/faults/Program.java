package io.github.wandacuda.faults;

import io.github.wandacuda.testing.Signals;
import io.github.wandacuda.testing.Within;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The jar as a process, to be disturbed. */
final class Program implements AutoCloseable {
  private static final Path JAR = Path.of("target/wanda-cuda.jar").toAbsolutePath();
  private static final long SECONDS = 120;

  private final Process process;
  private final Path err;

  private Program(Process process, Path err) {
    this.process = process;
    this.err = err;
  }

  /** Starts the program. */
  static Program start(Object... arguments) throws IOException {
    return start(List.of(), List.of(), arguments);
  }

  /**
   * Starts the program.
   *
   * @param before words in front of Java's
   * @param options Java's
   */
  static Program start(List<String> before, List<String> options, Object... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(before);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-jar", JAR.toString()));
    Arrays.stream(arguments).map(Object::toString).forEach(command::add);
    Path err = Files.createTempFile("wanda-cuda", ".err");
    Process process =
        Signals.start(
            new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(err.toFile()));
    return new Program(process, err);
  }

  /** Removes an output. */
  static void remove(Path output) throws IOException {
    if (Files.exists(output)) {
      try (Stream<Path> files = Files.walk(output)) {
        for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
          Files.delete(file);
        }
      }
    }
  }

  long pid() {
    return process.pid();
  }

  boolean isRunning() {
    return process.isAlive();
  }

  /** Waits for some time; returns whether it has ended. */
  boolean endsWithin(long millis) throws InterruptedException {
    return process.waitFor(millis, TimeUnit.MILLISECONDS);
  }

  /** Waits for the end and returns the exit code. */
  int exitCode() throws InterruptedException {
    if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("no end after " + SECONDS + " s");
    }
    return process.exitValue();
  }

  /** Sends a signal, by its name. */
  void signal(String name) throws IOException, InterruptedException {
    Signals.send(name, pid());
  }

  /** Waits until a file is there, or the program has ended. */
  void awaitFile(Path file) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    while (isRunning() && !Files.exists(file)) {
      if (System.nanoTime() > end) {
        throw new AssertionError("no " + file + " after " + SECONDS + " s");
      }
      Thread.sleep(5);
    }
  }

  /** Returns the lines that say what went wrong. */
  List<String> errors() throws IOException {
    return Files.readAllLines(err).stream()
        .filter(line -> line.startsWith("wanda-cuda: "))
        .toList();
  }

  /** Returns all that was said on stderr. */
  String said() throws IOException {
    return Files.readString(err);
  }

  @Override
  public void close() throws IOException, InterruptedException {
    Within.exitCode(process.destroyForcibly());
    Files.deleteIfExists(err);
  }
}
