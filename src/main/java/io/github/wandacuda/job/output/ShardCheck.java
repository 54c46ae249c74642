package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The check of one written shard.
 *
 * @param chosen its modules that are pruned
 * @param workers read and compare
 * @param clock measures the time
 */
record ShardCheck(List<LinearModule> chosen, Workers workers, PhaseClock clock) {

  /**
   * Compares a shard with its source.
   *
   * @param output the directory that holds it
   * @param rules what was to be done to its modules
   * @param masks takes the masks that it shows
   * @param claimed the digests of the masks that were chosen, or null if they aren't known
   */
  ShardResult.Check check(
      SafetensorsFile shard,
      Path output,
      PruningRules rules,
      MaskSink masks,
      ModuleDigests claimed) {
    long start = System.nanoTime();
    Failures failures = new Failures();
    ModuleDigests shown = new ModuleDigests(chosen.size());
    Optional<ShardVerifier.Found> found =
        new ShardVerifier(
                workers,
                rules,
                chosen,
                failures,
                shown.and(masks),
                ShardVerifier.THROUGH_CACHE,
                Progress.NONE)
            .verify(List.of(shard), output);
    clock.addVerify(System.nanoTime() - start);
    if (!failures.isEmpty()) {
      return new ShardResult.Check(failures.first(), 0, 0, List.of());
    }
    int other = claimed == null ? -1 : claimed.mismatch(shown);
    String failure =
        other < 0
            ? null
            : "%s: expected the mask that was chosen, found another"
                .formatted(chosen.get(other).name());
    return new ShardResult.Check(
        failure,
        found.orElseThrow().pruned(),
        found.get().zeros(),
        List.copyOf(found.get().prunedModules()));
  }
}
