package io.github.wandacuda.bench.common;

import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Runs a program as a process of its own, from start to end on the clock. */
public final class ProgramRun {
  private final Path directory;

  /**
   * Runs programs.
   *
   * @param directory where their output goes
   */
  public ProgramRun(Path directory) {
    this.directory = directory;
  }

  /**
   * A run that ended well.
   *
   * @param seconds it took
   * @param output what it printed
   */
  public record Ended(double seconds, String output) {
    public JsonNode json() {
      return Json.parse(output);
    }
  }

  /** A run that did not end well, with the reason in a line. */
  public static final class FailedException extends Exception {
    private static final long serialVersionUID = 1;

    private final boolean stopped;

    FailedException(String reason, boolean stopped) {
      super(reason);
      this.stopped = stopped;
    }

    /** Returns whether it was stopped from outside, and nothing is known to be wrong. */
    public boolean isStopped() {
      return stopped;
    }
  }

  /**
   * Runs a program.
   *
   * @param command its path and arguments
   * @param mostSeconds after which it is stopped
   * @throws FailedException if it exits with anything but 0, or takes too long
   */
  public Ended run(List<String> command, double mostSeconds) throws FailedException {
    return run(command, mostSeconds, process -> {});
  }

  /**
   * Runs a program.
   *
   * @param command its path and arguments
   * @param mostSeconds after which it is stopped
   * @param started gets the process when it runs
   * @throws FailedException if it exits with anything but 0, or takes too long
   */
  public Ended run(List<String> command, double mostSeconds, Consumer<Process> started)
      throws FailedException {
    Path output = directory.resolve("stdout.txt");
    Path errors = directory.resolve("stderr.txt");
    try {
      long start = System.nanoTime();
      Process process =
          new ProcessBuilder(command)
              .redirectOutput(output.toFile())
              .redirectError(errors.toFile())
              .start();
      started.accept(process);
      boolean ended = process.waitFor((long) (mostSeconds * 1e3), TimeUnit.MILLISECONDS);
      double seconds = (System.nanoTime() - start) / 1e9;
      if (!ended) {
        process.destroyForcibly().waitFor();
        throw new FailedException("stopped after %.0f s".formatted(seconds), true);
      }
      if (process.exitValue() != 0) {
        throw new FailedException(
            "exit code %d: %s".formatted(process.exitValue(), lastLine(Files.readString(errors))),
            false);
      }
      return new Ended(seconds, Files.readString(output));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FailedException("interrupted", true);
    }
  }

  private static String lastLine(String text) {
    return text.lines().filter(line -> !line.isBlank()).reduce("", (before, line) -> line);
  }
}
