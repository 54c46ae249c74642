package io.github.wandacuda.launcher;

import io.github.wandacuda.testing.Signals;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A command that runs, with its output in files. */
final class Started implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Process process;
  private final Path out;
  private final Path err;

  private Started(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /**
   * Starts a command in an environment where JAVA_HOME is the Java of the tests.
   *
   * @param directory where the output goes
   * @param variables more variables, each as NAME=value
   */
  static Started start(Path directory, List<String> variables, List<String> command)
      throws IOException {
    Path out = Files.createTempFile(directory, "out", "");
    Path err = Files.createTempFile(directory, "err", "");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    builder
        .environment()
        .keySet()
        .removeAll(Arrays.asList("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("LC_ALL", "C.UTF-8");
    for (String variable : variables) {
      String[] nameAndValue = variable.split("=", 2);
      builder.environment().put(nameAndValue[0], nameAndValue[1]);
    }
    return new Started(Signals.start(builder), out, err);
  }

  long pid() {
    return process.pid();
  }

  /** Sends a line to the standard input. */
  void write(String line) throws IOException {
    process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }

  /** Sends a signal to this process alone. */
  void signal(String name) throws IOException, InterruptedException {
    if (!Signals.send(name, pid())) {
      throw new IOException("can't send SIG" + name + " to " + pid());
    }
  }

  /** The pid that the program wrote when it was ready. */
  long programPid() throws InterruptedException {
    await("the program is ready", () -> out().endsWith("\n"));
    return Long.parseLong(out().strip());
  }

  int exitCode() throws InterruptedException {
    if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("still running: " + process.info() + "\n" + out() + err());
    }
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  String out() {
    return content(out);
  }

  String err() {
    return content(err);
  }

  /** Waits until something is so. */
  static void await(String what, BooleanSupplier isSo) throws InterruptedException {
    long start = System.nanoTime();
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() - start > LIMIT.toNanos()) {
        throw new AssertionError("not within " + LIMIT + ": " + what);
      }
      Thread.sleep(20);
    }
  }

  private static String content(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
