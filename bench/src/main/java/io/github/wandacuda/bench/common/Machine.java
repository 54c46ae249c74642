package io.github.wandacuda.bench.common;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What this process runs on. */
public final class Machine {
  private static final String UNKNOWN = "not known";
  private static final String CPU_INFO = "/proc/cpuinfo";

  private Machine() {}

  /** Returns processor, memory, JDK and system, each in words. */
  public static Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put(
        "cpu",
        "%s (family %s, model %s), %d threads"
            .formatted(
                firstValue(CPU_INFO, "model name"),
                firstValue(CPU_INFO, "cpu family"),
                firstValue(CPU_INFO, "model\t"),
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

  /** Returns the bytes that programs and the cache of files could still take. */
  public static long availableMemory() {
    String value = firstValue("/proc/meminfo", "MemAvailable");
    return value.equals(UNKNOWN)
        ? Long.MAX_VALUE
        : Long.parseLong(value.substring(0, value.indexOf(' '))) << 10;
  }

  /** Returns whether an x86 processor has AVX-512. */
  public static boolean hasAvx512() {
    return List.of(firstValue(CPU_INFO, "flags").split(" ")).contains("avx512f");
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
}
