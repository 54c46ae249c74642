package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Machine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a phase ran on. */
final class Environment {
  private Environment() {}

  static Map<String, Object> read() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("gpu", query("name,memory.total").orElse("none that nvidia-smi shows"));
    facts.put("driver", query("driver_version").orElse("none that nvidia-smi shows"));
    facts.putAll(Machine.facts());
    return facts;
  }

  /** Returns what {@code nvidia-smi} says, one line a GPU. */
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
}
