package io.github.wandacuda.system;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/** Facts about the machine and this process, most of them from Linux's {@code /proc}. */
public final class MachineFacts {
  private static final Path CPU = Path.of("/proc/cpuinfo");
  private static final Path MEMORY = Path.of("/proc/meminfo");
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path STAT = Path.of("/proc/self/stat");
  private static final Path UPTIME = Path.of("/proc/uptime");

  /** The ticks of a second, on every processor that the program runs on. */
  private static final double TICKS = 100;

  /** The number of the start among the words behind the program's name. */
  private static final int START = 19;

  private MachineFacts() {}

  /** Returns the processor's model; nothing if the system isn't Linux or doesn't tell. */
  public static Optional<String> processor() {
    return first(CPU, "model name");
  }

  /** Returns whether the processor is known to have a feature, such as {@code avx512_vbmi2}. */
  public static boolean hasFlag(String flag) {
    return first(CPU, "flags")
        .map(flags -> Arrays.asList(flags.split(" ", -1)).contains(flag))
        .orElse(false);
  }

  private static Optional<String> first(Path file, String key) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }

  private static Optional<Long> bytes(Path file, String key) {
    return first(file, key)
        .map(kibibytes -> Long.parseLong(kibibytes.replaceAll("\\D", "")) * 1024);
  }

  /**
   * Returns a size of this process that Linux counts, in bytes.
   *
   * @param name as {@code /proc/self/status} has it, such as {@code VmHWM:}
   * @return nothing if the system doesn't say
   */
  public static Optional<Long> ofProcess(String name) {
    return bytes(STATUS, name);
  }

  /**
   * Returns the memory that is available to this process in bytes: what Linux estimates to be free
   * or used as a cache of files, but at most what the process may use.
   */
  public static long availableMemory() {
    long total =
        ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : Long.MAX_VALUE;
    return bytes(MEMORY, "MemAvailable").map(available -> Math.min(available, total)).orElse(total);
  }

  /**
   * Returns the age of this process in seconds, whatever programs it has executed since it started.
   * The number is from Linux if possible, since Java rounds the start instant to a second there; 0
   * if no one knows it.
   */
  public static double processAge() {
    try {
      String stat = Files.readString(STAT);
      String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      double now = Double.parseDouble(Files.readString(UPTIME).split(" ")[0]);
      return Math.max(0, now - Long.parseLong(words[START]) / TICKS);
    } catch (IOException | RuntimeException e) {
      return ProcessHandle.current()
          .info()
          .startInstant()
          .map(start -> Math.max(0, Duration.between(start, Instant.now()).toNanos() / 1e9))
          .orElse(0.0);
    }
  }
}
