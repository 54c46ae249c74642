package io.github.wandacuda.job.prune;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The part of an interrupted run's work that is kept. A tensor that the journal names is kept if
 * its bytes, read back, have the checksum that was computed when they were written. So bytes that a
 * crash of the system has lost are noticed.
 *
 * @param written the tensors that are kept
 * @param places the path at which a shard was found, by shard
 * @param records of the kept tensors, by their names
 * @param block the first block that a calibrated run has to do, 0 for other runs
 */
record ResumableWork(
    Set<TensorInfo> written,
    Map<SafetensorsFile, Path> places,
    Map<String, RunRecords.Tensor> records,
    int block) {
  public static final ResumableWork NONE = new ResumableWork(Set.of(), Map.of(), Map.of(), 0);

  private static final Pattern BLOCK = Pattern.compile("\\.(\\d{1,9})\\.");

  /**
   * Checks what an interrupted run has left, and records in the journal where this run begins.
   *
   * @param workers read the tensors back
   */
  static ResumableWork of(RunScope scope, OutputDirectory output, Workers workers) {
    if (output.interrupted().isEmpty()) {
      return NONE;
    }
    RunRecords records = output.interrupted().get();
    ResumableWork kept = check(scope, records, output.path(), workers);
    if (!scope.isCalibrated()) {
      return kept;
    }
    ResumableWork start = lastCompleteBlock(scope, output, records, kept);
    output.journal().append(RunRecords.resumed(start.block));
    return start;
  }

  /**
   * Returns the work that is kept from the latest block whose states, and all modules before it,
   * are there.
   */
  private static ResumableWork lastCompleteBlock(
      RunScope scope, OutputDirectory output, RunRecords records, ResumableWork kept) {
    int blocks = DecoderFamilies.shape(scope.model()).blocks();
    long bytes = RunNeeds.stateBytes(scope.model(), scope.request().calibration());
    Set<Integer> overwritten = new HashSet<>();
    for (RunRecords.States states : records.states()) {
      if (overwritten.add(StateFiles.fileOf(states.block()))
          && states.block() > 0
          && states.block() < blocks
          && hasAllBefore(scope, states)
          && kept.hasModulesOf(states.tensors())
          && StateFiles.holds(output.path(), states, bytes)) {
        return kept.withModulesOf(states.tensors(), states.block());
      }
    }
    return kept.withModulesOf(Set.of(), 0);
  }

  /** Returns whether all modules of the blocks before some states were written before them. */
  private static boolean hasAllBefore(RunScope scope, RunRecords.States states) {
    return scope.chosen().stream()
        .filter(module -> block(module) < states.block())
        .allMatch(module -> states.tensors().contains(module.tensor().name()));
  }

  private static int block(LinearModule module) {
    Matcher number = BLOCK.matcher(module.name());
    return number.find() ? Integer.parseInt(number.group(1)) : 0;
  }

  /** Reads back the tensors that a journal names, and keeps those with the right checksum. */
  private static ResumableWork check(
      RunScope scope, RunRecords records, Path directory, Workers workers) {
    Map<String, RunRecords.Tensor> sensible = new HashMap<>(records.tensors());
    Map<String, LinearModule> modules = new HashMap<>();
    scope.chosen().forEach(module -> modules.put(module.tensor().name(), module));
    sensible
        .entrySet()
        .removeIf(
            tensor -> !fits(tensor.getValue(), modules.get(tensor.getKey()), scope.isCalibrated()));
    Set<TensorInfo> written = ConcurrentHashMap.newKeySet();
    Map<SafetensorsFile, Path> places = new HashMap<>();
    for (SafetensorsFile shard : scope.model().checkpoint().shards()) {
      try (WrittenShard file = find(shard, directory).orElse(null)) {
        if (file != null) {
          places.put(shard, file.path());
          check(shard, file, sensible, workers, written);
        }
      }
    }
    return new ResumableWork(written, places, sensible, 0);
  }

  /** Returns whether a record's numbers are possible for its tensor. */
  static boolean fits(RunRecords.Tensor record, LinearModule module, boolean withNorms) {
    RunRecords.Module result = record.module();
    if (result == null || module == null) {
      return result == null && module == null;
    }
    return result.pruned() >= 0
        && result.pruned() <= module.elements()
        && result.zeros() >= 0
        && result.zeros() <= module.elements()
        && result.zeroRows() >= 0
        && result.zeroRows() <= module.rows()
        && (withNorms ? areNorms(result.norms(), module.columns()) : result.norms() == null);
  }

  private static boolean areNorms(float[] norms, int columns) {
    return norms != null
        && norms.length == columns
        && IntStream.range(0, columns)
            .allMatch(column -> norms[column] >= 0 && norms[column] < Float.POSITIVE_INFINITY);
  }

  /** Finds a shard under its name or its temporary one. */
  private static Optional<WrittenShard> find(SafetensorsFile shard, Path directory) {
    Path target = directory.resolve(shard.path().getFileName());
    return Stream.of(target, AtomicWrite.temporary(target))
        .flatMap(path -> WrittenShard.open(path, shard).stream())
        .findFirst();
  }

  private static void check(
      SafetensorsFile shard,
      WrittenShard file,
      Map<String, RunRecords.Tensor> records,
      Workers workers,
      Set<TensorInfo> written) {
    List<TensorInfo> claimed =
        shard.tensors().stream().filter(tensor -> records.containsKey(tensor.name())).toList();
    workers.run(
        claimed.size(),
        (worker, index) -> {
          TensorInfo tensor = claimed.get(index);
          if (file.holds(tensor, records.get(tensor.name()).checksum())) {
            written.add(tensor);
          }
        });
  }

  /**
   * Returns a copy that begins at a block.
   *
   * @param names the modules before it; others are dropped
   * @param first the block
   */
  private ResumableWork withModulesOf(Set<String> names, int first) {
    Set<TensorInfo> left =
        written.stream()
            .filter(
                tensor ->
                    records.get(tensor.name()).module() == null || names.contains(tensor.name()))
            .collect(Collectors.toUnmodifiableSet());
    return new ResumableWork(left, places, records, first);
  }

  boolean has(TensorInfo tensor) {
    return written.contains(tensor) || tensor.bytes() == 0;
  }

  private boolean hasModulesOf(Set<String> names) {
    Set<String> kept = written.stream().map(TensorInfo::name).collect(Collectors.toSet());
    return names.stream()
        .filter(name -> !records.containsKey(name) || records.get(name).module() != null)
        .allMatch(kept::contains);
  }

  /** Returns the results of the kept modules, in the order of the chosen ones. */
  public List<ModuleResult> results(RunScope scope) {
    List<ModuleResult> results = new ArrayList<>();
    for (LinearModule module : scope.chosen()) {
      if (written.contains(module.tensor())) {
        RunRecords.Module record = records.get(module.tensor().name()).module();
        float[] norms = record.norms() == null ? scope.norms(module) : record.norms();
        results.add(record.result(module, norms));
      }
    }
    return results;
  }
}
