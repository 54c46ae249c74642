package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.FaultCounts;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Adds up what all other classes of the profile have counted; runs last. */
class FaultSummary {
  @Test
  void theCounts() throws IOException {
    Map<String, Long> counts = new TreeMap<>();
    for (String line : Files.readAllLines(FaultCounts.FILE)) {
      int space = line.indexOf(' ');
      counts.merge(line.substring(space + 1), Long.parseLong(line.substring(0, space)), Long::sum);
    }
    StringBuilder summary = new StringBuilder("The fault profile's counts:\n");
    counts.forEach((what, count) -> summary.append("%8d  %s%n".formatted(count, what)));
    long faults =
        counts.entrySet().stream()
            .filter(count -> count.getKey().startsWith("faults injected"))
            .mapToLong(Map.Entry::getValue)
            .sum();
    summary.append("%8d  faults injected in all".formatted(faults));
    System.out.println(summary);
    assertThat(counts.get("kills survived")).isPositive();
    assertThat(counts.get("interrupts at each interruptible call")).isPositive();
    assertThat(counts.get("malformed files refused")).isPositive();
    assertThat(counts.get("fuzz executions")).isPositive();
    assertThat(faults).isPositive();
  }
}
