package io.github.wandacuda.bench.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What a phase ran on. */
final class Environment {
  private static final String UNKNOWN = "not known";

  private Environment() {}

  static Map<String, Object> read() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("gpu", query("name,memory.total").orElse("none that nvidia-smi shows"));
    facts.put("driver", query("driver_version").orElse("none that nvidia-smi shows"));
    facts.put(
        "cpu",
        "%s, %d threads"
            .formatted(
                firstValue("/proc/cpuinfo", "model name"),
                Runtime.getRuntime().availableProcessors()));
    facts.put("memory", firstValue("/proc/meminfo", "MemTotal"));
    facts.put(
        "jdk",
        "%s %s"
            .formatted(
                System.getProperty("java.vm.name"), System.getProperty("java.runtime.version")));
    facts.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    return facts;
  }

  /** Returns what {@code nvidia-smi} says, one line a card. */
  private static Optional<String> query(String fields) {
    try {
      Process process =
          new ProcessBuilder(
                  List.of("nvidia-smi", "--query-gpu=" + fields, "--format=csv,noheader"))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String answer = text(process);
      return process.waitFor() == 0 && !answer.isEmpty() ? Optional.of(answer) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  private static String text(Process process) throws IOException {
    try (InputStream in = process.getInputStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip().replace("\n", "; ");
    }
  }

  private static String firstValue(String file, String key) {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(UNKNOWN);
    } catch (IOException e) {
      return UNKNOWN;
    }
  }

  /** Returns the bytes that programs and the cache of files could still take. */
  static long availableMemory() {
    String value = firstValue("/proc/meminfo", "MemAvailable");
    return value.equals(UNKNOWN)
        ? Long.MAX_VALUE
        : Long.parseLong(value.substring(0, value.indexOf(' '))) << 10;
  }
}
