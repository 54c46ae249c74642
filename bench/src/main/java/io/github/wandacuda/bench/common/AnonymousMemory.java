package io.github.wandacuda.bench.common;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The most memory that a process and those that it starts hold together and that is no file's,
 * looked at every 20 ms, on Linux.
 */
public final class AnonymousMemory {
  private static final long INTERVAL_MILLIS = 20;

  private final ProcessHandle process;
  private final Thread watching;
  private volatile long peak;

  /** Watches a process until it ends. */
  public AnonymousMemory(Process process) {
    this.process = process.toHandle();
    watching = Thread.ofPlatform().daemon().name("memory").start(this::watch);
  }

  private void watch() {
    try {
      while (process.isAlive()) {
        long now =
            Stream.concat(Stream.of(process), process.descendants())
                .mapToLong(AnonymousMemory::bytes)
                .sum();
        peak = Math.max(peak, now);
        Thread.sleep(INTERVAL_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Returns what one process holds, or 0 when it has ended. */
  private static long bytes(ProcessHandle one) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/" + one.pid() + "/status"))) {
      return lines
          .filter(line -> line.startsWith("RssAnon:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .sum();
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  /** Returns the most that was seen, once the process has ended. */
  public long peak() {
    try {
      watching.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    return peak;
  }
}
