package io.github.wandacuda.job.record;

import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.job.record.Part.PartState;
import io.github.wandacuda.pruning.PhaseClock.Seconds;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The result of a run of {@code prune}.
 *
 * @param modules the results of the chosen modules, in the natural order of their names; empty if
 *     an earlier run had finished the output
 * @param part which part of a run this was, or null; unless that has finished the output, the
 *     modules are the part's, and their masks have no digest
 */
public record RunResult(
    PruningRecord provenance, List<ModuleResult> modules, Seconds seconds, PartState part) {
  public RunResult with(Seconds other) {
    return new RunResult(provenance, modules, other, part);
  }

  /** Takes a sorted copy of the list. */
  public RunResult {
    modules =
        modules.stream()
            .sorted(Comparator.comparing(result -> result.module().name(), TensorNames.NATURAL))
            .toList();
  }

  /** Returns whether an earlier run had finished the output, so that nothing was done. */
  public boolean wasFinished() {
    return modules.size() < provenance.modules().size();
  }

  /** Returns the number of input columns of all modules whose norm is 0. */
  public long deadColumns() {
    return modules.stream().mapToLong(ModuleResult::deadColumns).sum();
  }

  /** Returns the number of rows of all modules that are all zeros in the result. */
  public long zeroRows() {
    return modules.stream().mapToLong(ModuleResult::zeroRows).sum();
  }

  public double sparsity() {
    long weights = provenance.elements();
    return weights == 0 ? 0 : (double) provenance.zeros() / weights;
  }

  /**
   * Returns the mean over modules of {@code ||(W - V) X||^2 / ||W X||^2}, of those for which it was
   * measured; nothing if there are none, no number if one of them overflowed.
   */
  public OptionalDouble relativeError() {
    return modules.stream()
        .filter(result -> result.errors() != null)
        .mapToDouble(result -> result.errors().relative(result.errors().result()))
        .average();
  }

  public Statistics statistics(int samples, int sequenceLength) {
    SortedMap<String, float[]> norms = new TreeMap<>();
    modules.stream()
        .filter(result -> result.norms() != null)
        .forEach(result -> norms.put(result.module().name(), result.norms()));
    return new Statistics(norms, samples, sequenceLength);
  }
}
