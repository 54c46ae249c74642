package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.job.structure.StructureChoice.Chosen;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.Collectors;

/**
 * The report of a {@code prune} that removes whole parts, as JSON or HTML.
 *
 * @param facts what did it, from what
 * @param result the run's result, as its JSON has it
 * @param choice how the parts were chosen
 * @param removed the parts that were removed
 * @param perplexities if they were measured
 */
public record StructureReport(
    RunFacts facts,
    Map<String, Object> result,
    Chosen choice,
    RemovedParts removed,
    Optional<Perplexities> perplexities) {
  /** The most numbers of parts in a row of the page; the JSON has all of them. */
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
                "verdict", HtmlText.sentence(verdict()),
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
    change(tiles, "Parameters", "parameters");
    change(tiles, "Bytes", "bytes");
    removed.kinds().keySet().forEach(kind -> change(tiles, name(kind), kind.label()));
    PrunePage.tile(tiles, "Chosen by", HtmlText.escaped(result.get("score").toString()));
    PrunePage.tile(tiles, "Fitted", HtmlText.escaped(result.get("update").toString()));
    return tiles.toString();
  }

  private static String name(Structure kind) {
    String parts =
        kind.parts().substring(0, 1).toUpperCase(Locale.ROOT) + kind.parts().substring(1);
    return kind == Structure.BLOCKS ? parts : parts + " a block";
  }

  private void change(StringBuilder tiles, String name, String key) {
    PrunePage.tile(tiles, name, Verdict.change(number(key + "_before"), number(key + "_after")));
  }

  private long number(String key) {
    return ((Number) result.get(key)).longValue();
  }

  private String verdict() {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    removed
        .kinds()
        .keySet()
        .forEach(kind -> sizes.put(kind.label(), (int) number(kind.label() + "_before")));
    Verdict verdict =
        Verdict.ofParts(
            Verdict.went(removed, sizes), number("parameters_before"), number("parameters_after"));
    return perplexities
        .map(both -> verdict.measured(both.before(), both.after()))
        .orElse(verdict)
        .text();
  }

  /** Returns the mixes of blocks, heads and channels that were tried, or an empty text. */
  private String trials() {
    if (choice.trials().isEmpty()) {
      return "";
    }
    return choice.trials().stream()
        .map(
            trial ->
                HtmlText.row(
                    trial.removed().kinds().keySet().stream()
                        .map(kind -> kind.counted(trial.removed().count(kind)))
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
        "<td class=\"list\">%s</td>".formatted(numbers.isEmpty() ? "all of it" : shown + rest));
  }
}
