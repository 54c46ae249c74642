package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.job.structure.RemovalSizes.Change;
import io.github.wandacuda.job.structure.RemovalSummary;
import io.github.wandacuda.job.structure.StructureChoice.Chosen;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.report.PruneReport.Perplexities;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Collectors;

/**
 * The report of a {@code prune} that removes whole parts, as JSON or HTML.
 *
 * @param facts what did it, from what
 * @param result what was done, and what is left
 * @param choice how the parts were chosen
 */
public record StructureReport(RunFacts facts, RemovalResult result, Chosen choice) {
  /** The most numbers of parts in a row of the page; the JSON has all of them. */
  private static final int SHOWN = 24;

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  public AtomicWrite.Content content(Path file) {
    return ReportFormat.content(file, facts, this::html, this::json);
  }

  private Map<String, Object> json() {
    Map<String, Object> object = result.toJson();
    result
        .perplexities()
        .flatMap(Perplexities::sample)
        .ifPresent(sample -> object.put("sample", sample));
    object.put("scores", choice.scores());
    return object;
  }

  private RemovalSummary summary() {
    return result.summary();
  }

  private RemovedParts removed() {
    return summary().removed().orElseThrow();
  }

  private String html() {
    return HtmlPage.of(
        "Parts removed: "
            + removed().kinds().keySet().stream()
                .map(Labelled::label)
                .collect(Collectors.joining(", ")),
        HtmlPage.filled(
            "structure.html",
            Map.of(
                "verdict", HtmlText.sentence(verdict()),
                "facts", facts.html(),
                "output", HtmlText.escaped(summary().output().toString()),
                "tiles", tiles(),
                "trials", trials(),
                "sample", PrunePage.sample(result.perplexities()),
                "charts", chart(),
                "rows", rows(),
                "origin", facts.origin())));
  }

  private String tiles() {
    StringBuilder tiles = new StringBuilder();
    result.perplexities().ifPresent(both -> PrunePage.tiles(tiles, both));
    change(tiles, "Parameters", summary().sizes().parameters());
    change(tiles, "Bytes", summary().sizes().bytes());
    summary().sizes().kinds().forEach((kind, count) -> change(tiles, name(kind), count));
    PrunePage.tile(tiles, "Chosen by", HtmlText.escaped(summary().asked().score()));
    PrunePage.tile(tiles, "Fitted", HtmlText.escaped(summary().update().label()));
    return tiles.toString();
  }

  private static String name(Structure kind) {
    String parts =
        kind.parts().substring(0, 1).toUpperCase(Locale.ROOT) + kind.parts().substring(1);
    return kind == Structure.BLOCKS ? parts : parts + " a block";
  }

  private static void change(StringBuilder tiles, String name, Change size) {
    PrunePage.tile(tiles, name, Verdict.change(size.before(), size.after()));
  }

  private String verdict() {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    summary()
        .sizes()
        .kinds()
        .forEach((kind, count) -> sizes.put(kind.label(), (int) count.before()));
    Change parameters = summary().sizes().parameters();
    Verdict verdict =
        Verdict.ofParts(Verdict.went(removed(), sizes), parameters.before(), parameters.after());
    return result
        .perplexities()
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
    return chart.html("Scores by block: " + summary().asked().score(), "score", false);
  }

  private String rows() {
    return removed().kinds().entrySet().stream()
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
