package io.github.wandacuda.pruning;

import io.github.wandacuda.calibration.Statistics;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a run of {@code prune} did.
 *
 * @param modules the chosen modules, in code-point order of their names
 * @param maskSha256 SHA-256 over their packed masks in that order, in hexadecimal
 * @param seconds where the time went
 */
public record PruneResult(
    List<ModuleResult> modules, String maskSha256, PhaseClock.Seconds seconds) {

  /** Returns the weights of all chosen modules. */
  public long elements() {
    return modules.stream().mapToLong(result -> result.module().elements()).sum();
  }

  /** Returns the weights that the masks take out. */
  public long pruned() {
    return modules.stream().mapToLong(ModuleResult::pruned).sum();
  }

  /** Returns the weights that are zero in the result. */
  public long zeros() {
    return modules.stream().mapToLong(ModuleResult::zeros).sum();
  }

  /** Returns the share of zeros. */
  public double sparsity() {
    return elements() == 0 ? 0 : (double) zeros() / elements();
  }

  /** Returns the names of the modules that no sample reached. */
  public List<String> unreached() {
    return modules.stream()
        .filter(result -> Unreached.isUnreached(result.norms()))
        .map(result -> result.module().name())
        .toList();
  }

  /** Returns the names of the modules that rules kept as they are. */
  Set<String> kept(PruningRules rules) {
    return rules.unreached() == Unreached.KEEP ? Set.copyOf(unreached()) : Set.of();
  }

  /** Returns the norms that the run used. */
  public Statistics statistics(int samples, int sequenceLength) {
    SortedMap<String, float[]> norms = new TreeMap<>();
    modules.stream()
        .filter(result -> result.norms() != null)
        .forEach(result -> norms.put(result.module().name(), result.norms()));
    return new Statistics(norms, samples, sequenceLength);
  }
}
