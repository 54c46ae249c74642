package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Markdown;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.List;

/**
 * The phases of a calibrated run, and all of it beside what its dry run predicted.
 *
 * @param phase the file of a {@link CalibratedPhase}
 */
record PredictionTable(JsonNode phase) {
  private static final List<String> PHASES = List.of("calibrate", "select", "read_write");

  String markdown() {
    JsonNode row = phase.path("rows").path(0);
    StringBuilder text = new StringBuilder("## A calibrated 7B LLaMA beside its prediction\n\n");
    if (row.has("not_run")) {
      return text.append("Not run: %s.\n\n".formatted(row.path("not_run").asText())).toString();
    }
    text.append(
        "%s on %s, in %s steps.\n\n"
            .formatted(
                row.path("run").asText(),
                phase.path("device").asText(),
                row.path("steps").asText()));
    Markdown table = new Markdown("phase", "measured, s", "predicted, s");
    PHASES.forEach(name -> table.row(name, Markdown.number(row.path("phases").path(name)), ""));
    table.row(
        "together",
        Markdown.number(row.path("seconds")),
        "%s (%s to %s)"
            .formatted(
                Markdown.number(phase.path("predicted_seconds")),
                Markdown.number(phase.path("predicted_seconds_least")),
                Markdown.number(phase.path("predicted_seconds_most"))));
    return text.append(table).append('\n').toString();
  }
}
