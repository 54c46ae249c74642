package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A process, with its output in files, so that it waits for no reader. */
public final class Started implements AutoCloseable {
  private final Process process;
  private final Path out;
  private final Path err;
  private final long seconds;

  Started(Process process, Path out, Path err, long seconds) {
    this.process = process;
    this.out = out;
    this.err = err;
    this.seconds = seconds;
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** Returns what it has written to stdout. */
  public String out() {
    return content(out);
  }

  /** Returns what it has written to stderr. */
  public String err() {
    return content(err);
  }

  private static String content(Path file) {
    try {
      return Files.isRegularFile(file)
          ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
          : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sends a line to its stdin. */
  public void write(String line) throws IOException {
    process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }

  /** Sends a signal, by its name, to this process alone, unless it has ended. */
  public void signal(String name) {
    Signals.send(name, pid());
  }

  /** Waits for some time; returns whether it has ended. */
  public boolean endsWithin(long millis) {
    try {
      return process.waitFor(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** Waits for the end, which has to come in time, and returns the exit code. */
  public int exitCode() {
    return end().exitCode();
  }

  /** Returns all that it has written. */
  public String said() {
    return out() + err();
  }

  /** Waits for the end, which has to come in time. */
  public Ended end() {
    if (!endsWithin(TimeUnit.SECONDS.toMillis(seconds))) {
      throw new AssertionError("no end after " + seconds + " s: " + process.info() + out() + err());
    }
    return new Ended(process.exitValue(), out(), err());
  }

  /** Waits until something is so, or the process has ended. */
  public void await(BooleanSupplier isSo) throws InterruptedException {
    await("what is waited for: " + process.info(), () -> isSo.getAsBoolean() || !isAlive());
  }

  /** Waits until a file is there, or the process has ended. */
  public void awaitFile(Path file) throws InterruptedException {
    await(() -> Files.exists(file));
  }

  /** Waits until something is so, which has to come in time. */
  public static void await(String what, BooleanSupplier isSo) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not in time: " + what);
      }
      Thread.sleep(5);
    }
  }

  /** Ends it, if it hasn't ended. */
  @Override
  public void close() {
    process.destroyForcibly();
    endsWithin(TimeUnit.SECONDS.toMillis(seconds));
    try {
      Files.deleteIfExists(err);
      if (Files.isRegularFile(out)) {
        Files.delete(out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
