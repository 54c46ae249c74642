package io.github.wandacuda.job.structure;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.cluster.RunDescription;
import io.github.wandacuda.job.estimate.Stopwatch;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.output.CardFront;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.OutputPrecheck;
import io.github.wandacuda.job.output.SharedOutput;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.verify.EarlierOutput;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.job.verify.TensorDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.system.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.stream.Stream;

/**
 * Writes the smaller model that a {@link StructurePlan} describes: its shards anew, piece by piece,
 * the files beside them, and last the index, {@code config.json} and {@code wanda-cuda.json}. An
 * interrupted run keeps the shards that have their names; they are compared again when it is
 * resumed.
 */
public final class StructureJob {
  /** The journal's record of a part whose shards are written. */
  private static final String PART = "part";

  private final StructureRequest request;
  private final ModelDirectory model;

  /** Writes the smaller model where it is a file in GGUF. */
  private final Optional<GgufStructure> gguf;

  /** Of channels or heads others until it is known which. */
  private RemovedParts removed;

  private StructurePlan plan;
  private Checkpoint smaller;
  private SideFiles sideFiles;
  private Part.PartState part;

  /**
   * Checks, before parts are chosen, that the output can be a new one or be gone on with.
   *
   * @throws io.github.wandacuda.error.UsageException if not
   */
  public static void check(Path output, ModelDirectory model, boolean resume) {
    if (model.isGguf()) {
      new GgufPlace(output).check(List.of(), resume);
    } else {
      OutputPrecheck.check(output, model.path(), resume);
    }
  }

  /** Checks what can be checked before anything is written. */
  public StructureJob(StructureRequest request, ModelDirectory model) {
    this.request = request;
    this.model = model;
    if (model.isGguf()) {
      gguf = Optional.of(new GgufStructure(request, model));
    } else {
      gguf = Optional.empty();
    }
    check(request.output(), model, request.resume());
    take(request.removed(), request.removed().plan(model));
  }

  private void take(RemovedParts found, StructurePlan of) {
    removed = found;
    plan = of;
    smaller = plan.checkpoint(request.shardBytes());
    if (gguf.isEmpty()) {
      sideFiles =
          CardFront.files(
              SideFiles.of(model.checkpoint(), request.output()).forWeightsOf(smaller),
              request.card());
    }
  }

  /** Returns what goes, which is known of channels and heads when the run has ended. */
  public RemovedParts removed() {
    return removed;
  }

  /** Returns the smaller model's shards as they will be. */
  public Checkpoint smaller() {
    return smaller;
  }

  /** Returns the place by which the smaller model is opened when it is written. */
  public Path written() {
    return gguf.map(file -> file.first(removed)).orElse(request.output());
  }

  /** Returns how large the model is, and how large what is left of it. */
  public RemovalSizes sizes() {
    return RemovalSizes.of(model, removed, planned(), bytes());
  }

  /** Returns the bytes of the smaller model's weights where they are stored. */
  public long bytes() {
    return gguf.map(file -> file.bytes(removed)).orElseGet(smaller::totalBytes);
  }

  /** Returns whether an earlier run has finished in the output, so that nothing will be done. */
  public boolean isFinished() {
    return gguf.map(file -> file.isFinished(removed))
        .orElseGet(() -> OutputPrecheck.isFinished(request.output()));
  }

  /** Returns how far the parts are, if {@link #runPart} was called; else null. */
  public Part.PartState part() {
    return part;
  }

  /**
   * Returns the disk and memory that the run needs.
   *
   * @param trials the mixes that were or will be tried before it, or none
   */
  public StructureNeeds needs(List<StructureSearch.Trial> trials) {
    // Of a file in GGUF codes are written, which the shards here have widened.
    return StructureNeeds.of(
        model,
        request.asked(),
        removed,
        request.update(),
        request.calibration(),
        bytes(),
        request.verify(),
        trials.size());
  }

  /**
   * Estimates the time of the run, its choice of parts included, by doing a small part of it.
   *
   * @param trials the mixes that it will try, or none
   * @param evaluated windows of text that run through the model before and after it
   */
  public TimeEstimate estimate(
      Backend backend,
      List<StructureSearch.Trial> trials,
      List<int[]> evaluated,
      Progress progress) {
    return new StructureEstimate(
            model,
            backend,
            request.asked(),
            removed,
            trials,
            request.update(),
            request.calibration(),
            new Stopwatch(Stopwatch.MOST, progress))
        .of(needs(trials), evaluated);
  }

  /** Checks that there is enough disk space and memory, as the run itself does first. */
  public void requireRoom() {
    StructureNeeds needs = needs(List.of());
    SpaceCheck.requireDisk(
        request.output(),
        needs.writeBytes() + needs.temporaryBytes() - SpaceCheck.taken(request.output()));
    SpaceCheck.requireMemory(needs.memoryBytes(), SpaceCheck.FEWER_SAMPLES);
  }

  /** Returns what will be left, which is read from the model until it is written. */
  public ModelDirectory planned() {
    return plan.opened();
  }

  /** Returns what is left, by the record of the run that made it. */
  public SmallerModel made(RemovalRecord record) {
    return new SmallerModel(model, record, SourceDigest.of(plan.configBytes(), smaller));
  }

  /** Checks that a record that is in a place is that of this run. */
  public void requireSame(Provenance there, Path place) {
    Fingerprint.of(request.record(removed, plan)).requireSame(place, Fingerprint.of(there));
  }

  /** Removes a finished output with such a record, which goes last; added files stay. */
  public void remove(Provenance record) {
    Path place = request.output();
    if (OutputPrecheck.record(place).filter(record::equals).isPresent()) {
      sideFiles.withShards(smaller).stream()
          .flatMap(file -> Stream.iterate(file, Objects::nonNull, Path::getParent))
          .sorted(Comparator.reverseOrder())
          .forEach(file -> OutputDirectory.delete(place.resolve(file)));
      OutputDirectory.removeFile(place.resolve(Provenance.FILE_NAME));
      OutputDirectory.delete(place);
    }
  }

  /**
   * Writes the output, compares it and completes it.
   *
   * @param backend runs samples; the caller closes it
   * @param clock takes the time of each phase
   * @param on writes the shards, unless this process does
   * @param beforeEnd called right before the result is completed
   * @throws io.github.wandacuda.error.UsageException if the output belongs to another run, or
   *     another run is at work in it
   */
  public void run(
      Backend backend,
      PhaseClock clock,
      Progress progress,
      Optional<OnCluster> on,
      Runnable beforeEnd) {
    long begin = System.nanoTime();
    if (gguf.isPresent()) {
      runGguf(gguf.get(), backend, clock, progress, beforeEnd);
      return;
    }
    RemovalRecord asked = request.record(removed, plan);
    List<SafetensorsFile> fitted = new ArrayList<>();
    try (DirectIo io = DirectIo.of(request.io(), 2 * model.checkpoint().totalBytes());
        Workers workers = new Workers(backend.concurrency());
        OutputDirectory directory =
            OutputDirectory.open(request.output(), sideFiles, smaller, request.resume())) {
      Fingerprint cause = Fingerprint.of(asked);
      directory.endEarlier(
          record -> {
            cause.requireSame(request.output(), Fingerprint.of(record));
            return EarlierOutput.firstFailure(
                model, request.output(), record, request.verify(), progress);
          });
      if (directory.finished().isPresent()) {
        Provenance there = directory.finished().get();
        cause.requireSame(request.output(), Fingerprint.of(there));
        removed = there.ofRemoval().removed(request.asked().parts().structure());
        return;
      }
      directory.begin(cause.with(SourceDigest.byFile(model)));
      clock.addComplete(System.nanoTime() - begin);
      try {
        requireRoom();
        if (StructureFit.isNeeded(removed, request.update())) {
          fit(name -> directory.file(Path.of(name)), backend, clock, progress, fitted);
        }
        sideFiles.warnOfLeftOut("the output has no use for it");
        directory.requireNoneAdded();
        if (on.isPresent()) {
          shards(smaller.shards()).write(on.get(), described(asked, on.get()), clock, progress);
        } else {
          write(directory, io, workers, clock, progress);
        }
        RemovalRecord record =
            request
                .record(removed, plan)
                .withFitted(
                    TensorDigest.all(
                        smaller.shards(), request.output(), Set.copyOf(plan.fitted()), workers));
        end(directory, record, clock, beforeEnd);
      } catch (RuntimeException | Error e) {
        directory.settle(e);
        throw e;
      }
    } finally {
      fitted.forEach(SafetensorsFile::close);
    }
  }

  private void runGguf(
      GgufStructure file,
      Backend backend,
      PhaseClock clock,
      Progress progress,
      Runnable beforeEnd) {
    boolean finished = file.isFinished(removed);
    if (!finished) {
      requireRoom();
    }
    if (!finished && StructureFit.isNeeded(removed, request.update())) {
      // Which channels or heads go is found here; nothing is fitted, so no file is asked for.
      fit(Path::of, backend, clock, progress, new ArrayList<>());
    }
    file.run(removed, request.record(removed, plan), clock, progress, beforeEnd);
  }

  /**
   * Writes and compares one part's shards, and completes the output if no other part is left.
   *
   * @param process writes them
   * @param beforeEnd called right before the result is completed, if it is this part that does
   */
  public void runPart(
      Part own, OnCluster process, PhaseClock clock, Progress progress, Runnable beforeEnd) {
    model.requireDirectory("writing it in parts");
    RemovalRecord record = request.record(removed, plan);
    SharedOutput output = new SharedOutput(request.output(), own, model, smaller, sideFiles);
    part =
        output.run(
            record,
            output.fingerprint(record),
            there ->
                EarlierOutput.firstFailure(
                    model, request.output(), there, request.verify(), Progress.NONE),
            there -> Part.PartState.end(own),
            () -> {
              requireRoom();
              shards(own.shareOf(smaller.shards()))
                  .write(process, described(record, process), clock, progress);
            },
            directory -> {
              Part.PartState state = output.state(done(directory.journal(), own));
              if (state.finished()) {
                checkOthers(output, clock);
                sideFiles.warnOfLeftOut("the output has no use for it");
                end(directory, record, clock, beforeEnd);
              }
              return state;
            });
  }

  /** Compares the other parts' shards with the source: they may have been damaged since. */
  private void checkOthers(SharedOutput output, PhaseClock clock) {
    if (!request.verify()) {
      output.warnUnchecked();
      return;
    }
    long start = System.nanoTime();
    List<SafetensorsFile> own = output.part().shareOf(smaller.shards());
    try (Workers workers = new Workers(Runtime.getRuntime().availableProcessors())) {
      for (SafetensorsFile shard : smaller.shards()) {
        if (!own.contains(shard) && !OutputCheck.isCopy(shard, place(shard), false, workers)) {
          throw output.damaged(shard, ErrorDetails.file(place(shard)));
        }
      }
    }
    clock.addVerify(System.nanoTime() - start);
  }

  /** Adds a part to those whose shards the journal has as written, and returns which these are. */
  private IntPredicate done(Journal journal, Part own) {
    Set<Integer> done = new HashSet<>(Set.of(own.number()));
    journal.records().forEach(record -> done.add(record.path(PART).asInt()));
    journal.append(Map.of(PART, own.number()));
    List<List<SafetensorsFile>> shares = own.shares(smaller.shards());
    return number ->
        done.contains(number)
            && shares.get(number - 1).stream().map(this::place).allMatch(Files::isRegularFile);
  }

  /**
   * Finds which channels or heads go, and has what is left fitted.
   *
   * @param file gives the place of a file of fitted weights by its name
   * @param fitted receives these files, open
   */
  private void fit(
      Function<String, Path> file,
      Backend backend,
      PhaseClock clock,
      Progress progress,
      List<SafetensorsFile> fitted) {
    long start = System.nanoTime();
    StructureFit.Result result =
        new StructureFit(
                model,
                removed,
                request.asked(),
                request.update(),
                (Calibration.FromSamples) request.calibration(),
                backend)
            .run(
                file,
                0,
                request.chosenShare() > 0
                    ? progress.within("", request.chosenShare(), 1)
                    : progress);
    take(result.removed(), result.plan(model, fitted));
    clock.addCalibrate(System.nanoTime() - start);
  }

  private void write(
      OutputDirectory directory,
      DirectIo io,
      Workers workers,
      PhaseClock clock,
      Progress progress) {
    model.checkpoint().shards().forEach(shard -> shard.bytes().readThrough(io));
    List<SafetensorsFile> shards =
        smaller.shards().stream()
            .filter(
                shard ->
                    directory.interrupted().isEmpty()
                        || !OutputCheck.isCopy(shard, place(shard), false, workers))
            .toList();
    shards(shards).write(directory, io, workers, clock, progress);
    if (request.verify()) {
      long start = System.nanoTime();
      shards.forEach(shard -> OutputCheck.requireCopy(shard, place(shard), false, workers));
      clock.addVerify(System.nanoTime() - start);
    }
  }

  private SmallerShards shards(List<SafetensorsFile> shards) {
    return new SmallerShards(shards, model.checkpoint().shards().getFirst().path());
  }

  private RunDescription described(Provenance asked, OnCluster on) {
    return new RunDescription(
        OnCluster.SharedSource.of(model),
        request.output().toAbsolutePath().toString(),
        null,
        false,
        asked,
        request.verify(),
        on.devices());
  }

  /** Completes the output, of which all shards are written. */
  private void end(
      OutputDirectory directory, Provenance record, PhaseClock clock, Runnable beforeEnd) {
    long start = System.nanoTime();
    directory.copyFiles();
    beforeEnd.run();
    smaller
        .index()
        .ifPresent(index -> replace(directory, index.getFileName(), smaller.indexBytes()));
    replace(directory, Path.of(SideFiles.CONFIG), plan.configBytes());
    directory.finish(model, record);
    clock.addComplete(System.nanoTime() - start);
  }

  private void replace(OutputDirectory directory, Path file, byte[] content) {
    AtomicWrite.replace(
        directory.file(file), out -> out.write(content), FileModes.like(model.config().file()));
  }

  private Path place(SafetensorsFile shard) {
    return request.output().resolve(shard.path().getFileName());
  }
}
