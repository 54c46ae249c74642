package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.bench.common.Markdown;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Merges the phases' files into {@code gpu.json} and {@code gpu.md}. */
final class Report {
  /** All phases that write a file, in the order of the report. */
  static final List<String> PHASES =
      List.of(
          "smoke-cuda",
          "smoke-opencl",
          "parity-cuda",
          "parity-opencl",
          "kernels-cuda",
          "kernels-opencl",
          "kernels-torch",
          "end-to-end-1b",
          "end-to-end-7b",
          "calibrated-7b");

  private final Map<String, JsonNode> phases;
  private final StringBuilder text = new StringBuilder();

  private Report(Map<String, JsonNode> phases) {
    this.phases = phases;
  }

  /**
   * Reads the files of a directory and writes the report beside them.
   *
   * @param small whether the run was a test of the scripts; phases of the other kind are left out
   * @return whether no phase failed
   */
  static boolean write(Path results, boolean small) {
    Map<String, JsonNode> phases = new LinkedHashMap<>();
    for (String phase : PHASES) {
      Path file = results.resolve(phase + ".json");
      if (Files.exists(file)) {
        JsonNode content = Json.read(file);
        if (content.path("small").asBoolean() == small) {
          phases.put(phase, content);
        }
      }
    }
    Json.write(results.resolve("gpu.json"), Map.of("phases", phases));
    String report = new Report(phases).markdown(small);
    try {
      Files.writeString(results.resolve("gpu.md"), report);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    System.out.println(report);
    return phases.values().stream()
        .noneMatch(phase -> phase.path("status").asText().equals("failed"));
  }

  private String markdown(boolean small) {
    text.append("# Measured on a GPU\n\n");
    if (small) {
      text.append("Tiny shapes: a test of the scripts. **These times mean nothing.**\n\n");
    }
    overview();
    listed("Smoke", "smoke-", List.of("kernel", "precision", "problem"));
    listed(
        "Parity", "parity-", List.of("test", "passed", "failed", "skipped", "seconds", "reason"));
    for (String backend : List.of("cuda", "opencl")) {
      JsonNode phase = phases.get("kernels-" + backend);
      if (phase != null) {
        text.append(new KernelTables(backend, phase, phases.get("kernels-torch")).markdown());
      }
    }
    endToEnd("end-to-end-1b", "A 1B LLaMA from end to end");
    endToEnd("end-to-end-7b", "A 7B LLaMA from end to end");
    JsonNode calibrated = phases.get("calibrated-7b");
    if (calibrated != null && !calibrated.path("rows").isEmpty()) {
      text.append(new PredictionTable(calibrated).markdown());
    }
    return text.toString();
  }

  private void overview() {
    Map<JsonNode, List<String>> machines = new LinkedHashMap<>();
    Markdown table = new Markdown("phase", "device", "started", "seconds", "status");
    for (String name : PHASES) {
      JsonNode phase = phases.get(name);
      if (phase == null) {
        table.missing(List.of(name), "no " + name + ".json");
        continue;
      }
      JsonNode environment = phase.path("environment");
      if (!environment.isEmpty()) {
        machines.computeIfAbsent(environment, machine -> new ArrayList<>()).add(name);
      }
      String reason = phase.path("reason").asText();
      table.row(
          name,
          phase.path("device").asText(),
          phase.path("started").asText(),
          Markdown.number(phase.path("seconds")),
          phase.path("status").asText() + (reason.isEmpty() ? "" : ": " + reason));
    }
    machines.forEach(this::machine);
    text.append(table).append('\n');
  }

  private void machine(JsonNode environment, List<String> names) {
    Markdown table = new Markdown("", String.join(", ", names));
    environment.properties().forEach(entry -> table.row(entry.getKey(), entry.getValue().asText()));
    text.append(table).append('\n');
  }

  /** Adds a table of the rows of both backends, as they are in the files. */
  private void listed(String title, String phases, List<String> fields) {
    text.append("## %s\n\n".formatted(title));
    Markdown table = new Markdown(with("backend", fields));
    for (String backend : List.of("cuda", "opencl")) {
      JsonNode phase = this.phases.get(phases + backend);
      if (phase == null) {
        table.missing(List.of(backend), "no file");
        continue;
      }
      if (phase.path("rows").isEmpty()) {
        String status = phase.path("status").asText();
        table.said(List.of(backend), status + ": " + phase.path("reason").asText());
      }
      for (JsonNode row : phase.path("rows")) {
        table.row(with(backend, fields.stream().map(row::path).map(Report::cell).toList()));
      }
    }
    text.append(table).append('\n');
  }

  private static String[] with(String first, List<String> others) {
    return Stream.concat(Stream.of(first), others.stream()).toArray(String[]::new);
  }

  private static String cell(JsonNode value) {
    return value.isDouble() ? Markdown.number(value) : value.asText();
  }

  private void endToEnd(String name, String title) {
    JsonNode phase = phases.get(name);
    if (phase == null || phase.path("rows").isEmpty()) {
      return;
    }
    String limit = phase.path("layers_limited_by").asText();
    text.append("## %s\n\n".formatted(title));
    text.append(
        "%s of %s layers%s, %s GB in BF16. Masks of the runs with given norms: `%s`.\n\n"
            .formatted(
                phase.path("layers").asText(),
                phase.path("layers_of_model").asText(),
                limit.isEmpty() ? "" : " (limited by " + limit + ")",
                Markdown.number(phase.path("model_bytes").asDouble() / 1e9),
                String.join("`, `", texts(phase.path("mask_sha256")))));
    Markdown table =
        new Markdown(
            "run",
            "backend",
            "device",
            "verified",
            "seconds",
            "runs",
            "GB/s of model",
            "times cp",
            "as cpu");
    for (JsonNode row : phase.path("rows")) {
      List<String> labels = List.of(row.path("run").asText(), row.path("backend").asText());
      if (row.has("not_run")) {
        table.missing(labels, row.path("not_run").asText());
        continue;
      }
      JsonNode same = row.path("same_as_cpu");
      table.row(
          labels.get(0),
          labels.get(1),
          row.path("device").asText(),
          row.has("verified") ? row.path("verified").asBoolean() ? "yes" : "no" : "",
          Markdown.spread(row.path("seconds")),
          row.path("runs").asText(),
          Markdown.number(row.path("model_gigabytes_per_second")),
          Markdown.number(row.path("times_of_copy")),
          same.isNumber() ? "%.4f %%".formatted(100 * same.doubleValue()) : "");
    }
    text.append(table).append('\n');
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(element -> texts.add(element.asText()));
    return texts;
  }
}
