package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.structure.RemovalSummary;
import io.github.wandacuda.job.structure.StructureNeeds;
import io.github.wandacuda.job.structure.StructureSearch;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a run that removes parts of a model would do, and what it would need.
 *
 * @param samples how many would run
 * @param share what it would write, if it is a part of several
 */
record RemovalPlan(
    RemovalSummary summary,
    int samples,
    StructureNeeds needs,
    TimeEstimate time,
    Optional<PartShare> share) {
  Map<String, Object> toJson() {
    Map<String, Object> object = summary.toPlan();
    object.put("bytes_to_read", needs.readBytes());
    object.put("bytes_to_write", needs.writeBytes());
    object.put("temporary_bytes", needs.temporaryBytes());
    object.put("hidden_state_bytes", needs.stateBytes());
    object.put("memory_bytes", needs.memoryBytes());
    PlanPrinter.add(time, object);
    share.ifPresent(own -> object.put("part", own.toJson()));
    return object;
  }

  Stream<String> text() {
    Stream<String> needed =
        OutputOptions.lines(
            """
              to read     %s of weights
              to write    %s, and %s that are removed in the end
              memory      %s besides the Java heap
              time        %s\
            """,
            PlanPrinter.size(needs.readBytes()),
            PlanPrinter.size(needs.writeBytes()),
            PlanPrinter.size(needs.temporaryBytes()),
            PlanPrinter.size(needs.memoryBytes()),
            time.text());
    return Stream.of(
            share.stream().map(PartShare::text),
            summary.isSearch() ? tried() : RemovalText.of(summary, "would have "),
            needed)
        .flatMap(lines -> lines);
  }

  /** Says what a search would try; what it would choose isn't known before. */
  private Stream<String> tried() {
    int held = StructureSearch.held(samples);
    Stream<String> head =
        OutputOptions.lines(
            "%s: would try %d mixes, each with %d samples, and measure perplexity on %d others;"
                + " the best is then removed with all",
            summary.output(), summary.trials().size(), samples - held, held);
    Stream<String> foot =
        OutputOptions.lines(
            "  bytes       at most %d of %d",
            summary.sizes().bytes().after(), summary.sizes().bytes().before());
    return Stream.of(head, summary.trials().stream().map(RemovalPlan::mix), foot)
        .flatMap(lines -> lines);
  }

  private static String mix(StructureSearch.Trial trial) {
    return "  without %s: %.1f %% of the blocks' parameters"
        .formatted(
            trial.removed().kinds().keySet().stream()
                .map(kind -> trial.removed().count(kind) + " " + kind.parts())
                .collect(Collectors.joining(", ")),
            100 * trial.share());
  }
}
