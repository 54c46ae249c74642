package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Markdown;
import io.github.wandacuda.bench.device.Linear;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The tables of one backend's kernels, beside PyTorch's times for the same work. */
final class KernelTables {
  private final String backend;
  private final JsonNode phase;
  private final Map<List<String>, Double> torch = new HashMap<>();
  private final Map<List<String>, Double> cublas = new HashMap<>();

  /**
   * Pairs rows that have the same labels.
   *
   * @param torchPhase PyTorch's results, or null
   */
  KernelTables(String backend, JsonNode phase, JsonNode torchPhase) {
    this.backend = backend;
    this.phase = phase;
    if (torchPhase != null) {
      torchPhase.path("rows").forEach(row -> put(torch, row.path("kernel").asText(), row));
    }
    for (JsonNode row : phase.path("rows")) {
      if (row.path("kernel").asText().equals(Linear.CUBLAS)) {
        put(cublas, Linear.OWN, row);
        put(cublas, Linear.FAST, row);
        put(cublas, Linear.CHOSEN, row);
      }
    }
  }

  private static void put(Map<List<String>, Double> times, String kernel, JsonNode row) {
    JsonNode median = row.path("milliseconds").path("median");
    if (median.isNumber()) {
      times.put(key(kernel, row), median.doubleValue());
    }
  }

  private static List<String> key(String kernel, JsonNode row) {
    return List.of(
        kernel, row.path("shape").asText(), row.path("dtype").asText(), row.path("data").asText());
  }

  String markdown() {
    Markdown memory =
        new Markdown(
            "kernel",
            "shape",
            "type",
            "data",
            "ms",
            "GB/s",
            "of the copy",
            "PyTorch ms",
            "times as fast");
    Markdown arithmetic =
        new Markdown(
            "kernel", "shape", "type", "ms", "TFLOP/s", "of cuBLAS", "PyTorch ms", "of PyTorch");
    for (JsonNode row : phase.path("rows")) {
      if (isArithmetic(row)) {
        addArithmetic(arithmetic, row);
      } else {
        addMemory(memory, row);
      }
    }
    String title = "## Kernels on " + backend;
    if (phase.path("rows").isEmpty()) {
      return "%s\n\n%s: %s\n\n"
          .formatted(title, phase.path("status").asText(), phase.path("reason").asText());
    }
    return "%s, %s\n\n".formatted(title, phase.path("device").asText())
        + memory
        + '\n'
        + arithmetic
        + '\n';
  }

  private static boolean isArithmetic(JsonNode row) {
    String kernel = row.path("kernel").asText();
    return row.has("flops") || kernel.startsWith(Linear.OWN) || kernel.equals(Linear.CUBLAS);
  }

  private void addMemory(Markdown table, JsonNode row) {
    List<String> labels = key(row.path("kernel").asText(), row);
    if (isWithoutTimes(row, labels, table)) {
      return;
    }
    table.row(
        labels.get(0),
        labels.get(1),
        labels.get(2),
        labels.get(3),
        Markdown.spread(row.path("milliseconds")),
        Markdown.number(row.path("gigabytes_per_second")),
        Markdown.percent(row.path("fraction_of_copy").path("median")),
        number(torch.get(labels)),
        number(ratio(torch.get(labels), row)));
  }

  private void addArithmetic(Markdown table, JsonNode row) {
    List<String> labels = key(row.path("kernel").asText(), row);
    if (isWithoutTimes(row, labels.subList(0, 3), table)) {
      return;
    }
    boolean linear = List.of(Linear.FAST, Linear.CHOSEN, Linear.CUBLAS).contains(labels.get(0));
    List<String> torchLabels = linear ? key(Linear.OWN, row) : labels;
    table.row(
        labels.get(0),
        labels.get(1),
        labels.get(2),
        Markdown.spread(row.path("milliseconds")),
        Markdown.number(row.path("gigaflops_per_second").asDouble() / 1e3),
        percent(ratio(cublas.get(labels), row)),
        number(torch.get(torchLabels)),
        percent(ratio(torch.get(torchLabels), row)));
  }

  private static boolean isWithoutTimes(JsonNode row, List<String> labels, Markdown table) {
    if (row.has("not_run")) {
      table.missing(labels, row.path("not_run").asText());
    } else if (row.has("problem")) {
      table.said(labels, "failed: " + row.path("problem").asText());
    }
    return row.has("not_run") || row.has("problem");
  }

  /** Returns how many times a row is as fast as another that took {@code milliseconds}. */
  private static Double ratio(Double milliseconds, JsonNode row) {
    return milliseconds == null
        ? null
        : milliseconds / row.path("milliseconds").path("median").doubleValue();
  }

  private static String number(Double value) {
    return value == null ? "" : Markdown.number(value);
  }

  private static String percent(Double value) {
    return value == null ? "" : Markdown.percent(value);
  }
}
