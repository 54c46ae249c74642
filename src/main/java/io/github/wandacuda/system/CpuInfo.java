package io.github.wandacuda.system;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Facts about the processor from Linux's {@code /proc/cpuinfo}; on other systems nothing is known.
 */
public final class CpuInfo {
  private static final Path FILE = Path.of("/proc/cpuinfo");

  private CpuInfo() {}

  /** Returns the processor's model. */
  public static Optional<String> model() {
    return first("model name");
  }

  /** Returns whether the processor is known to have a feature, such as {@code avx512_vbmi2}. */
  public static boolean hasFlag(String flag) {
    return first("flags")
        .map(flags -> Arrays.asList(flags.split(" ", -1)).contains(flag))
        .orElse(false);
  }

  private static Optional<String> first(String key) {
    if (!Files.isReadable(FILE)) {
      return Optional.empty();
    }
    try (Stream<String> lines = Files.lines(FILE)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }
}
