package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.MasksInOrder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** Checks the shards of a pruned model against those of its dense source. */
public final class ShardVerifier {
  /** Reads shards as any file. */
  public static final Consumer<SafetensorsFile> THROUGH_CACHE = shard -> {};

  private final Workers workers;
  private final PruningRules rules;
  private final List<LinearModule> chosen;
  private final Failures failures;
  private final MaskSink sink;
  private final Consumer<SafetensorsFile> opened;
  private final Progress progress;
  private final Map<SafetensorsFile, SafetensorsFile> counterparts = new HashMap<>();

  /**
   * What was found in the shards.
   *
   * @param maskSha256 the SHA-256 of the masks of the chosen modules, or null if it isn't asked for
   * @param pruned number of weights that the masks prune
   * @param zeros number of weights of the chosen modules that are zero
   * @param prunedModules names of the modules of which the masks prune at least one weight
   */
  public record Found(String maskSha256, long pruned, long zeros, Set<String> prunedModules) {}

  /**
   * Makes a verifier, which gives the masks that it finds away.
   *
   * @param sink receives them, in the order of the modules
   * @param opened says how a shard of the pruned model is read
   * @param progress is told of each tensor that is checked
   */
  public ShardVerifier(
      Workers workers,
      PruningRules rules,
      List<LinearModule> chosen,
      Failures failures,
      MaskSink sink,
      Consumer<SafetensorsFile> opened,
      Progress progress) {
    this.sink = sink;
    this.opened = opened;
    this.progress = progress;
    this.workers = workers;
    this.rules = rules;
    this.chosen = chosen;
    this.failures = failures;
  }

  /**
   * Checks all tensors.
   *
   * @param denseShards the source's shards
   * @param directory holds shards of the same names
   * @return what was found; empty if a module is missing, which is added to the failures
   */
  public Optional<Found> verify(List<SafetensorsFile> denseShards, Path directory) {
    return verify(denseShards, directory, PackedShard::requireDense, tensor -> true);
  }

  /**
   * Checks the chosen modules and some other tensors of one shard.
   *
   * @param packed whether the directory's shards are packed
   * @param others whether a tensor is looked at that isn't a chosen module's
   * @return what was found; empty if a module is missing, which is added to the failures
   */
  public Optional<Found> verifyPart(
      SafetensorsFile dense, Path directory, boolean packed, Predicate<TensorInfo> others) {
    return verify(List.of(dense), directory, PrunedFiles.reading(packed), others);
  }

  /**
   * Checks tensors as {@link #verify(List, Path)} does, of shards that stand for others.
   *
   * @param reading returns what a shard of the directory stands for, or throws
   * @param others whether a tensor is looked at that isn't a chosen module's
   */
  Optional<Found> verify(
      List<SafetensorsFile> denseShards,
      Path directory,
      UnaryOperator<SafetensorsFile> reading,
      Predicate<TensorInfo> others) {
    try {
      for (SafetensorsFile dense : denseShards) {
        open(dense, directory, reading);
      }
      try (TilePairs buffers = new TilePairs(workers.count())) {
        VerifiedBytes verified = new VerifiedBytes(progress, denseShards);
        workers.run(untouched(denseShards, others, buffers, verified));
        return verifyChosen(buffers, verified);
      }
    } finally {
      counterparts.values().forEach(SafetensorsFile::close);
    }
  }

  private void open(SafetensorsFile dense, Path directory, UnaryOperator<SafetensorsFile> reading) {
    try {
      SafetensorsFile stored =
          SafetensorsFile.open(directory.resolve(dense.path().getFileName().toString()));
      counterparts.put(dense, stored);
      opened.accept(stored);
      SafetensorsFile pruned = reading.apply(stored);
      counterparts.put(dense, pruned);
      comparePlaces(dense, pruned);
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.getMessage());
      Optional.ofNullable(counterparts.remove(dense)).ifPresent(SafetensorsFile::close);
    }
  }

  private void comparePlaces(SafetensorsFile dense, SafetensorsFile pruned) {
    String file = Printable.of(pruned.path());
    Map<String, TensorInfo> found =
        pruned.tensors().stream().collect(Collectors.toMap(TensorInfo::name, Function.identity()));
    boolean alike = true;
    for (TensorInfo expected : dense.tensors()) {
      TensorInfo actual = found.remove(expected.name());
      if (!expected.equals(actual)) {
        alike = false;
        failures.add(
            "%s: tensor %s: expected %s, found %s"
                .formatted(
                    file,
                    Printable.of(expected.name()),
                    inWords(expected),
                    actual == null ? "none" : inWords(actual)));
      }
    }
    for (String name : found.keySet()) {
      alike = false;
      failures.add(
          "%s: tensor %s: expected none, as in the source, found %s"
              .formatted(file, Printable.of(name), inWords(found.get(name))));
    }
    int at = Arrays.mismatch(dense.headerBytes(), pruned.headerBytes());
    if (alike && at >= 0) {
      failures.add(
          "%s: header: expected the source's, found another at byte %d".formatted(file, at));
    }
  }

  private static String inWords(TensorInfo tensor) {
    return "%s %s at [%d, %d]"
        .formatted(Printable.of(tensor.dtype()), tensor.shape(), tensor.begin(), tensor.end());
  }

  private List<Job> untouched(
      List<SafetensorsFile> denseShards,
      Predicate<TensorInfo> others,
      TilePairs buffers,
      VerifiedBytes verified) {
    Set<TensorInfo> touched =
        chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
    List<Job> jobs = new ArrayList<>();
    for (SafetensorsFile dense : denseShards) {
      for (TensorInfo tensor : dense.tensors()) {
        if (!touched.contains(tensor) && others.test(tensor)) {
          counterpart(dense, tensor)
              .map(
                  pruned ->
                      new UntouchedTensor(pruned, tensor, failures)
                          .comparison(dense, buffers, verified))
              .ifPresent(jobs::add);
        }
      }
    }
    return jobs;
  }

  /** Returns the pruned file that has an equal tensor. */
  private Optional<SafetensorsFile> counterpart(SafetensorsFile dense, TensorInfo tensor) {
    return Optional.ofNullable(counterparts.get(dense))
        .filter(pruned -> pruned.tensor(tensor.name()).filter(tensor::equals).isPresent());
  }

  private Optional<Found> verifyChosen(TilePairs buffers, VerifiedBytes verified) {
    long maskBytes = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    List<ModuleVerifier> jobs = new ArrayList<>();
    try (MasksInOrder masks = new MasksInOrder(chosen.size(), maskBytes, workers.count() + 1)) {
      for (int index = 0; index < chosen.size(); index++) {
        LinearModule module = chosen.get(index);
        Optional<SafetensorsFile> pruned = counterpart(module.shard(), module.tensor());
        if (pruned.isPresent() && module.elements() > 0) {
          jobs.add(
              new ModuleVerifier(
                  module,
                  pruned.get(),
                  rules.of(module),
                  failures,
                  buffers,
                  masks,
                  sink,
                  index,
                  verified));
        } else {
          masks.finish(index, MemorySegment.NULL, 0);
          sink.add(index, MemorySegment.NULL);
        }
      }
      workers.run(jobs);
      if (chosen.stream().anyMatch(module -> isMissing(module))) {
        return Optional.empty();
      }
      long pruned = jobs.stream().mapToLong(ModuleVerifier::pruned).sum();
      long zeros = jobs.stream().mapToLong(ModuleVerifier::zeros).sum();
      Set<String> names =
          jobs.stream()
              .filter(job -> job.pruned() > 0)
              .map(ModuleVerifier::module)
              .collect(Collectors.toUnmodifiableSet());
      return Optional.of(new Found(masks.hex(), pruned, zeros, names));
    }
  }

  private boolean isMissing(LinearModule module) {
    return counterpart(module.shard(), module.tensor()).isEmpty();
  }
}
