package io.github.wandacuda.system;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The memory that programs and the cache of files could still take. */
public final class AvailableMemory {
  private static final Path MEMORY = Path.of("/proc/meminfo");

  private AvailableMemory() {}

  /** Returns it in bytes, as Linux estimates it, at most what this process may use. */
  public static long bytes() {
    long total =
        ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : Long.MAX_VALUE;
    try (Stream<String> lines = Files.lines(MEMORY)) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .map(available -> Math.min(available, total))
          .findFirst()
          .orElse(total);
    } catch (IOException e) {
      return total;
    }
  }
}
