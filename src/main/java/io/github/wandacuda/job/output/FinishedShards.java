package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Rethrow;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Checks shards on a thread of its own as soon as they are finished, while others are written. What
 * is left at the end is checked by all workers.
 */
public final class FinishedShards implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 1000;

  private final List<LinearModule> chosen;
  private final PruningRules rules;
  private final Path directory;
  private final Consumer<SafetensorsFile> opened;
  private final Failures failures;
  private final Map<LinearModule, Integer> places = new HashMap<>();
  private final ModuleDigests written;
  private final ModuleDigests readBack;
  private final Deque<Finished> waiting = new ArrayDeque<>();
  private final Set<String> prunedModules = new HashSet<>();
  private final Thread thread;
  private long pruned;
  private long zeros;
  private boolean incomplete;
  private boolean ending;
  private Throwable failure;

  private record Finished(SafetensorsFile dense, List<ModuleResult> results) {}

  /**
   * Starts the thread.
   *
   * @param chosen the pruned modules, in the order of their masks
   * @param rules by which they are pruned
   * @param directory holds the finished shards, with the names of the source's
   * @param opened says how a finished shard is read
   * @param failures takes what is wrong
   */
  public FinishedShards(
      List<LinearModule> chosen,
      PruningRules rules,
      Path directory,
      Consumer<SafetensorsFile> opened,
      Failures failures) {
    this.chosen = chosen;
    this.rules = rules;
    this.directory = directory;
    this.opened = opened;
    this.failures = failures;
    chosen.forEach(module -> places.put(module, places.size()));
    written = new ModuleDigests(chosen.size());
    readBack = new ModuleDigests(chosen.size());
    thread = Thread.ofPlatform().daemon().name("wanda-cuda-verify").start(this::serve);
  }

  /** Returns what takes the masks by which weights are pruned. */
  public MaskSink masks() {
    return written;
  }

  /**
   * Takes a shard that has its name and is on the device.
   *
   * @param dense the source's shard
   * @param results the results of its modules
   */
  public synchronized void add(SafetensorsFile dense, List<ModuleResult> results) {
    waiting.add(new Finished(dense, results));
    notifyAll();
  }

  /**
   * Checks what is left.
   *
   * @param progress is told of each tensor that is checked from now on
   * @param maskSha256 the SHA-256 of the masks by which weights were pruned
   * @return what was found in all shards; empty if a module is missing, which is among the failures
   */
  public Optional<ShardVerifier.Found> finish(
      Workers workers, Progress progress, String maskSha256) {
    List<Finished> left = left();
    if (!left.isEmpty()) {
      check(left, workers, progress);
    }
    end(0);
    CancelledException.throwIfInterrupted();
    rethrow();
    if (incomplete) {
      return Optional.empty();
    }
    compareMasks();
    return Optional.of(new ShardVerifier.Found(maskSha256, pruned, zeros, prunedModules));
  }

  private synchronized List<Finished> left() {
    List<Finished> left = List.copyOf(waiting);
    waiting.clear();
    return left;
  }

  private void compareMasks() {
    int other = written.mismatch(readBack);
    if (other >= 0) {
      LinearModule module = chosen.get(other);
      failures.add(
          "%s: tensor %s: expected the mask that was chosen, found another"
              .formatted(
                  Printable.of(directory.resolve(module.shard().path().getFileName())),
                  Printable.of(module.tensor().name())));
    }
  }

  private void serve() {
    try (Workers alone = new Workers(1)) {
      for (Finished shard = next(); shard != null; shard = next()) {
        check(List.of(shard), alone, Progress.NONE);
      }
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        failure = e;
      }
    }
  }

  /** Returns the next shard, or null at the end. */
  private synchronized Finished next() {
    try {
      while (waiting.isEmpty() && !ending) {
        wait();
      }
    } catch (InterruptedException e) {
      return null;
    }
    return waiting.poll();
  }

  private void check(List<Finished> shards, Workers workers, Progress progress) {
    List<SafetensorsFile> dense = shards.stream().map(Finished::dense).toList();
    List<ModuleResult> results = shards.stream().flatMap(s -> s.results().stream()).toList();
    List<LinearModule> modules =
        chosen.stream().filter(module -> dense.contains(module.shard())).toList();
    Optional<ShardVerifier.Found> found =
        new ShardVerifier(
                workers,
                rules.after(results),
                modules,
                failures,
                (index, mask) -> readBack.add(places.get(modules.get(index)), mask),
                opened,
                progress)
            .verify(dense, directory);
    dense.forEach(SafetensorsFile::dropAdded);
    synchronized (this) {
      incomplete |= found.isEmpty();
      found.ifPresent(
          part -> {
            pruned += part.pruned();
            zeros += part.zeros();
            prunedModules.addAll(part.prunedModules());
          });
    }
  }

  /** Ends the thread, which has nothing left to do or has been interrupted. */
  private void end(long patienceMillis) {
    synchronized (this) {
      ending = true;
      notifyAll();
    }
    try {
      thread.join(patienceMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void rethrow() {
    Rethrow.unchecked(failure);
  }

  /** Stops, whatever is left to check. */
  @Override
  public void close() {
    synchronized (this) {
      waiting.clear();
    }
    thread.interrupt();
    boolean interrupted = Thread.interrupted();
    end(PATIENCE_MILLIS);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
