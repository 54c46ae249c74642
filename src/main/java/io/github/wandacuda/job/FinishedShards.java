package io.github.wandacuda.job;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.MaskDigest.ModuleDigests;
import io.github.wandacuda.job.OutputCheck.Found;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.system.Workers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Checks shards on a thread of its own as soon as they are finished, while others are written. What
 * is left at the end is checked by all workers.
 */
final class FinishedShards implements AutoCloseable {
  private final OutputCheck check;
  private final List<LinearModule> chosen;
  private final Map<LinearModule, Integer> places = new HashMap<>();
  private final ModuleDigests written;
  private final ModuleDigests readBack;
  private final List<Finished> waiting = new ArrayList<>();
  private final BackgroundWork background = new BackgroundWork("wanda-cuda-verify");

  /** Nothing once a module is missing. */
  private Optional<Found> found = Optional.of(Found.NOTHING);

  private record Finished(SafetensorsFile dense, List<ModuleResult> results) {}

  public FinishedShards(OutputCheck check, List<LinearModule> chosen) {
    this.check = check;
    this.chosen = chosen;
    chosen.forEach(module -> places.put(module, places.size()));
    written = new ModuleDigests(chosen.size());
    readBack = new ModuleDigests(chosen.size());
  }

  public MaskSink masks() {
    return written;
  }

  /** Takes a shard that has its name and is on the device. */
  public void add(SafetensorsFile dense, List<ModuleResult> results) {
    synchronized (waiting) {
      waiting.add(new Finished(dense, results));
    }
    background.submit(
        () -> {
          try (Workers alone = new Workers(1)) {
            check(take(1), alone, (what, done, total) -> requireWanted());
          }
        });
  }

  private void requireWanted() {
    if (background.isEnding()) {
      throw new CancelledException();
    }
  }

  /** Returns shards that nothing has checked yet. */
  private List<Finished> take(int most) {
    synchronized (waiting) {
      List<Finished> first = waiting.subList(0, Math.min(most, waiting.size()));
      List<Finished> taken = List.copyOf(first);
      first.clear();
      return taken;
    }
  }

  /** Checks what is left; returns nothing if a module is missing, which is among the failures. */
  public Optional<Found> finish(Workers workers, Progress progress) {
    check(take(Integer.MAX_VALUE), workers, progress);
    background.await();
    CancelledException.throwIfInterrupted();
    synchronized (this) {
      if (found.isPresent()) {
        compareMasks();
      }
      return found;
    }
  }

  private void compareMasks() {
    int other = written.mismatch(readBack);
    if (other >= 0) {
      LinearModule module = chosen.get(other);
      check
          .failures()
          .add(
              "%s: tensor %s: expected the mask that was chosen, found another"
                  .formatted(
                      Printable.of(check.directory().resolve(module.shard().path().getFileName())),
                      Printable.of(module.tensor().name())));
    }
  }

  private void check(List<Finished> shards, Workers workers, Progress progress) {
    if (shards.isEmpty()) {
      return;
    }
    List<SafetensorsFile> dense = shards.stream().map(Finished::dense).toList();
    List<ModuleResult> results = shards.stream().flatMap(s -> s.results().stream()).toList();
    List<LinearModule> modules =
        chosen.stream().filter(module -> dense.contains(module.shard())).toList();
    Optional<Found> part =
        check
            .after(results)
            .check(
                dense,
                modules,
                tensor -> true,
                (index, mask) -> readBack.add(places.get(modules.get(index)), mask),
                workers,
                progress);
    dense.forEach(shard -> shard.bytes().dropAdded());
    synchronized (this) {
      found = found.flatMap(all -> part.map(all::plus));
    }
  }

  /** Stops, whatever is left to check. */
  @Override
  public void close() {
    take(Integer.MAX_VALUE);
    background.close();
  }
}
