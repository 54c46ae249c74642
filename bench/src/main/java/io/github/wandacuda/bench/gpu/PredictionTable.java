package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Markdown;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The phases of a calibrated run beside the lines of its prediction that they stand for.
 *
 * @param phase the file of a {@link CalibratedPhase}
 */
record PredictionTable(JsonNode phase) {
  private static final Map<String, List<String>> LINES = new LinkedHashMap<>();

  static {
    LINES.put(
        "calibrate",
        List.of(
            "weights up",
            "hidden states over the bus",
            "linear layers",
            "attention",
            "norms, rotations, gates, sums, squares and halves"));
    LINES.put("select", List.of("masks, norms and reports down", "selection"));
    LINES.put("read_write", List.of("files"));
  }

  String markdown() {
    JsonNode row = phase.path("rows").path(0);
    StringBuilder text = new StringBuilder("## A calibrated 7B LLaMA beside its prediction\n\n");
    if (row.has("not_run")) {
      return text.append("Not run: %s.\n\n".formatted(row.path("not_run").asText())).toString();
    }
    text.append(
        "%s on %s, in %s steps; predicted for %s.\n\n"
            .formatted(
                row.path("run").asText(),
                phase.path("device").asText(),
                row.path("steps").asText(),
                phase.path("predicted_for").asText()));
    Markdown table = new Markdown("phase", "measured, s", "predicted, s");
    LINES.forEach(
        (name, lines) ->
            table.row(
                name,
                Markdown.number(row.path("phases").path(name)),
                Markdown.number(predicted(lines))));
    table.row(
        "together",
        Markdown.number(row.path("seconds")),
        Markdown.number(phase.path("predicted_seconds")));
    return text.append(table).append('\n').toString();
  }

  private double predicted(List<String> lines) {
    double seconds = 0;
    for (JsonNode line : phase.path("predicted")) {
      if (lines.contains(line.path("what").asText())) {
        seconds += line.path("seconds").asDouble();
      }
    }
    return seconds;
  }
}
