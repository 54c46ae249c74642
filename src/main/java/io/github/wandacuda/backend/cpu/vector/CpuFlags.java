package io.github.wandacuda.backend.cpu.vector;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/** What Linux tells of the processor's features; elsewhere it has none. */
final class CpuFlags {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final String KEY = "flags";

  private CpuFlags() {}

  static boolean has(String flag) {
    if (!Files.isReadable(CPU_INFO)) {
      return false;
    }
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return lines
          .filter(line -> line.startsWith(KEY))
          .findFirst()
          .map(line -> Arrays.asList(line.split("\\s+", -1)).contains(flag))
          .orElse(false);
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }
}
