package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.RemovedParts;
import io.github.wandacuda.job.StructureChoice.Chosen;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The report of a {@code prune} that removes whole parts, as JSON or HTML.
 *
 * @param facts what did it, from what
 * @param result the run's result, as its JSON has it
 * @param choice how the parts were chosen
 * @param removed the parts that went
 * @param perplexities if they were measured
 */
public record StructureReport(
    RunFacts facts,
    Map<String, Object> result,
    Chosen choice,
    RemovedParts removed,
    Optional<Perplexities> perplexities) {
  /** Numbers of parts that a row of the page shows; the JSON has all. */
  private static final int SHOWN = 24;

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  public AtomicWrite.Content content(Path file) {
    return ReportFormat.content(file, facts, this::html, this::json);
  }

  private Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>(result);
    perplexities.flatMap(Perplexities::sample).ifPresent(sample -> object.put("sample", sample));
    object.put("scores", choice.scores());
    return object;
  }

  private String html() {
    return HtmlPage.of(
        "Parts removed: "
            + removed.kinds().keySet().stream()
                .map(Labelled::label)
                .collect(Collectors.joining(", ")),
        HtmlPage.filled(
            "structure.html",
            Map.of(
                "facts", facts.html(),
                "output", HtmlText.escaped(result.get("output").toString()),
                "tiles", tiles(),
                "trials", trials(),
                "sample", PrunePage.sample(perplexities),
                "charts", chart(),
                "rows", rows(),
                "origin", facts.origin())));
  }

  private String tiles() {
    StringBuilder tiles = new StringBuilder();
    perplexities.ifPresent(both -> PrunePage.tile(tiles, "Perplexity", PrunePage.pair(both)));
    Stream.of("parameters", "bytes").forEach(key -> change(tiles, key));
    removed.kinds().keySet().forEach(kind -> change(tiles, kind.label()));
    PrunePage.tile(tiles, "Chosen by", HtmlText.escaped(result.get("score").toString()));
    PrunePage.tile(tiles, "Fitted", HtmlText.escaped(result.get("update").toString()));
    return tiles.toString();
  }

  private void change(StringBuilder tiles, String key) {
    PrunePage.tile(
        tiles,
        HtmlText.escaped(key),
        "%s → %s"
            .formatted(
                HtmlText.number(((Number) result.get(key + "_before")).longValue()),
                HtmlText.number(((Number) result.get(key + "_after")).longValue())));
  }

  /** Returns the mixes that were tried, or nothing. */
  private String trials() {
    if (choice.trials().isEmpty()) {
      return "";
    }
    return choice.trials().stream()
        .map(
            trial ->
                HtmlText.row(
                    trial.removed().kinds().keySet().stream()
                        .map(kind -> trial.removed().count(kind) + " " + kind.label())
                        .collect(Collectors.joining(", ")),
                    HtmlText.cell(HtmlText.percent(trial.share())),
                    HtmlText.cell(HtmlText.number("%.4g", trial.perplexity()))))
        .collect(
            Collectors.joining(
                "\n",
                """
                <div>
                <h2>What was tried</h2>
                <p>Each mix was fitted with three quarters of the samples, and measured on the others.</p>
                <div class="scroll"><table>
                <thead><tr><th scope="col">What goes</th><th scope="col">Share</th>\
                <th scope="col">Perplexity</th></tr></thead><tbody>
                """,
                "\n</tbody></table></div>\n</div>"));
  }

  private String chart() {
    BlockChart chart = new BlockChart();
    choice
        .scores()
        .forEach(
            (curve, blocks) -> blocks.forEach((block, score) -> chart.add(curve, block, score)));
    return chart.html("Scores by block: " + result.get("score"), "score", false);
  }

  private String rows() {
    return removed.kinds().entrySet().stream()
        .flatMap(
            kind ->
                kind.getValue().entrySet().stream().map(block -> row(kind.getKey().parts(), block)))
        .collect(Collectors.joining("\n"));
  }

  private static String row(String parts, SortedMap.Entry<Integer, List<Integer>> block) {
    List<Integer> numbers = block.getValue();
    String shown =
        numbers.stream().limit(SHOWN).map(String::valueOf).collect(Collectors.joining(" "));
    String rest = numbers.size() > SHOWN ? " … %d in all".formatted(numbers.size()) : "";
    return HtmlText.row(
        parts,
        HtmlText.cell(block.getKey().toString()),
        HtmlText.cell(numbers.isEmpty() ? "all of it" : shown + rest));
  }
}
