package io.github.wandacuda.job.prune;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.checkpoint.gguf.GgufZeros;
import io.github.wandacuda.checkpoint.gguf.GgufZerosWriter;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.GgufZerosCheck;
import io.github.wandacuda.job.verify.OutputCheck.Found;
import io.github.wandacuda.job.verify.PruningRecordCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModulePruner;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.BackgroundWork;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Writes the file of a {@link GgufTarget} in this process, and checks it. A module's codes are
 * written as soon as its mask is known; then the journal has a line of it. A run that goes on reads
 * those modules again and doesn't prune them twice; one with samples begins at the first block, as
 * it saves no hidden states.
 *
 * @param target what is written
 * @param tools do the work
 * @param journal of the run, begun
 * @param earlier what an interrupted run has recorded
 */
record GgufPass(
    GgufTarget target, PruneTarget.Tools tools, Journal journal, Optional<RunRecords> earlier) {
  /** Writes and checks the whole file, which is on the device then. */
  RunResult run() {
    GgufPlace place = target.place();
    GgufZeros layout = target.layout(tools.plan());
    List<ModuleResult> results;
    String digest;
    try (GgufZerosWriter writer =
            GgufZerosWriter.open(
                layout,
                place.partial(),
                earlier.isPresent(),
                FileModes.like(scope().model().path()));
        BackgroundWork background = new BackgroundWork("wanda-cuda-files");
        MaskDigest masks = new MaskDigest(chosen().size(), place.masks())) {
      long start = System.nanoTime();
      writer.copyKept(bytes -> {});
      tools.clock().addReadWrite(System.nanoTime() - start);
      boolean fresh = earlier.isEmpty();
      results = fresh ? new ArrayList<>() : written(writer);
      Zeros zeros = new Zeros(target, writer, journal, background, tools);
      MaskSink sink = fresh ? zeros.and(masks).and(tools.masks()) : zeros;
      try (ModulePruner pruner = tools.pruner(scope(), zeros, sink)) {
        results.addAll(prune(pruner, results));
      }
      background.await();
      writer.force();
      results.sort(Comparator.comparing(result -> result.module().name(), TensorNames.ORDER));
      digest = fresh ? masks.hex() : null;
    }
    return new RunResult(checked(results, digest), results, tools.clock().seconds(), null);
  }

  private RunScope scope() {
    return target.scope();
  }

  private List<LinearModule> chosen() {
    return scope().chosen();
  }

  /** Returns the results of modules that an interrupted run has written whole. */
  private List<ModuleResult> written(GgufZerosWriter writer) {
    Map<String, RunRecords.Tensor> records = earlier.orElseThrow().tensors();
    if (scope().isCalibrated() || !writer.isBegun()) {
      return new ArrayList<>();
    }
    Set<LinearModule> there = ConcurrentHashMap.newKeySet();
    tools
        .workers()
        .run(
            chosen().size(),
            (worker, index) -> {
              LinearModule module = chosen().get(index);
              RunRecords.Tensor record = records.get(module.tensor().name());
              if (record != null
                  && ResumableWork.fits(record, module, false)
                  && writer.holds(target.weights().get(index), record.checksum())) {
                there.add(module);
              }
            });
    return chosen().stream()
        .filter(there::contains)
        .map(
            module ->
                records.get(module.tensor().name()).module().result(module, scope().norms(module)))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  private List<ModuleResult> prune(ModulePruner pruner, List<ModuleResult> written) {
    if (scope().isCalibrated()) {
      return new BlockPass(
              scope().model(),
              tools.backend(),
              pruner,
              chosen(),
              scope().rules().needMoments(),
              scope().request().masks(),
              tools.clock(),
              tools.progress())
          .run(scope().request().calibration(), 0, null, new BlockPass.Sink() {});
    }
    Set<LinearModule> done = written.stream().map(ModuleResult::module).collect(Collectors.toSet());
    List<ModuleRequest> requests =
        chosen().stream()
            .filter(module -> !done.contains(module))
            .map(scope()::moduleRequest)
            .toList();
    return pruner.prune(requests, scope().moments(), tools.progress());
  }

  /**
   * Reads the file and compares it, if that is wanted, or if the masks' digest has to come from
   * that.
   *
   * @param digest of the masks, or null if this run hasn't had all of them
   * @return the run's record
   */
  private PruningRecord checked(List<ModuleResult> results, String digest) {
    if (digest != null && !scope().request().verify()) {
      return tools.plan().with(results, digest);
    }
    long start = System.nanoTime();
    GgufPlace place = target.place();
    Failures failures = new Failures();
    GgufZerosCheck check =
        new GgufZerosCheck(
            scope().model(),
            scope().rules().after(results),
            chosen(),
            target.weights(),
            target.layout(tools.plan()),
            failures);
    PruningRecord record;
    try (MaskDigest masks = new MaskDigest(chosen().size(), place.masks())) {
      MaskSink sink = digest == null ? masks.and(tools.masks()) : masks;
      Optional<Found> found = check.check(place.partial(), sink, tools.workers(), tools.progress());
      String read = found.isPresent() ? masks.hex() : null;
      record = tools.plan().with(results, digest == null ? read : digest);
      if (found.isPresent() && failures.isEmpty()) {
        new PruningRecordCheck(place.record(), record, failures)
            .compare(chosen(), read, found.get());
      }
    }
    tools.clock().addVerify(System.nanoTime() - start);
    failures.require(place.file());
    return record;
  }

  /** Writes the codes of each module when its mask comes, and then its line in the journal. */
  private static final class Zeros implements ModuleSink, MaskSink {
    private final GgufTarget target;
    private final GgufZerosWriter writer;
    private final Journal journal;
    private final BackgroundWork background;
    private final PruneTarget.Tools tools;
    private final Map<LinearModule, Integer> checksums = new HashMap<>();

    Zeros(
        GgufTarget target,
        GgufZerosWriter writer,
        Journal journal,
        BackgroundWork background,
        PruneTarget.Tools tools) {
      this.target = target;
      this.writer = writer;
      this.journal = journal;
      this.background = background;
      this.tools = tools;
    }

    /** Returns no writer: tiles of numbers aren't what is written. */
    @Override
    public ShardWriter of(LinearModule module) {
      return null;
    }

    @Override
    public void add(int index, MemorySegment mask) {
      long start = System.nanoTime();
      int checksum = writer.write(target.weights().get(index), mask);
      tools.clock().addReadWrite(System.nanoTime() - start);
      synchronized (checksums) {
        checksums.put(target.scope().chosen().get(index), checksum);
      }
    }

    @Override
    public void done(ModuleResult result) {
      int checksum;
      synchronized (checksums) {
        checksum = checksums.remove(result.module());
      }
      // On a thread that is never interrupted, as the journal requires.
      background.submit(
          () -> journal.append(RunRecords.Tensor.of(result, checksum, false).record()));
    }

    /** Nothing is lent: the codes are written by then. */
    @Override
    public void lend(ModuleResult result, MemorySegment weight) {
      done(result);
    }
  }
}
