package io.github.wandacuda.report;

import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.structure.RemovalSummary;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.report.PruneReport.Perplexities;
import java.util.Map;
import java.util.Optional;

/**
 * The result of a run that has removed parts of a model.
 *
 * @param part how far the parts of the output are, if several processes write them
 * @param perplexities if they were measured
 * @param memory bytes at the peak by their names, null where they aren't known
 */
public record RemovalResult(
    RemovalSummary summary,
    Optional<Part.PartState> part,
    Optional<Perplexities> perplexities,
    PhaseClock.Seconds seconds,
    Map<String, Object> memory) {
  public Map<String, Object> toJson() {
    Map<String, Object> object = summary.toJson();
    part.ifPresent(state -> object.put("part", state.toJson()));
    perplexities.ifPresent(both -> both.addTo(object));
    object.put("seconds", seconds.toJson());
    object.putAll(memory);
    return object;
  }
}
