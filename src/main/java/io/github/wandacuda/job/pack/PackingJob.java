package io.github.wandacuda.job.pack;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.OutputPrecheck;
import io.github.wandacuda.job.output.ShardStaging;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.SpaceCheck;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Packs a model directory into another one, or unpacks it. All files are taken along, so that one
 * undoes the other to the byte. {@code config.json} is written last, after the shards were compared
 * with the source. An interrupted run keeps the shards that have their names; they are compared
 * again when it is resumed.
 *
 * @param direction whether to pack or unpack
 * @param model the source
 * @param output the other directory
 * @param resume whether the output may hold an interrupted or finished run
 * @param verify whether what was written is read back and compared
 */
public record PackingJob(
    Packing direction, ModelDirectory model, Path output, boolean resume, boolean verify) {
  /**
   * Checks what can be checked before a model is packed or unpacked.
   *
   * @throws io.github.wandacuda.error.UsageException if the output can't be used
   * @throws io.github.wandacuda.error.InputException if the model is packed already, or isn't
   *     packed
   */
  public PackingJob {
    direction.require(model);
    OutputPrecheck.check(output, model.path(), resume);
  }

  /**
   * The result.
   *
   * @param modules how many weights are packed in the packed one of the two directories
   * @param bytesBefore of the source's shards
   * @param bytesAfter of the output's shards
   */
  public record Result(int modules, long bytesBefore, long bytesAfter) {
    /** Returns the size of the output's shards as a share of the source's. */
    public double ratio() {
      return bytesBefore == 0 ? 1 : (double) bytesAfter / bytesBefore;
    }
  }

  /**
   * Writes the output, compares it and completes it.
   *
   * @param threads CPU threads to use, 1 or more
   * @throws io.github.wandacuda.error.UsageException if the output belongs to another run
   * @throws io.github.wandacuda.error.VerificationException if what was written differs from the
   *     source
   */
  public Result run(int threads, Progress progress) {
    SideFiles sideFiles = allFiles();
    if (resume && isFinished()) {
      return result();
    }
    SpaceCheck.requireDisk(output, leastBytes());
    sideFiles.warnOfLeftOut("it is none of the model's files");
    try (Workers workers = new Workers(threads);
        OutputDirectory directory =
            OutputDirectory.open(output, sideFiles, model.checkpoint(), resume)) {
      begin(directory);
      try {
        write(directory, sideFiles, workers, progress);
        directory.finish();
        return result();
      } catch (RuntimeException | Error e) {
        directory.settle(e);
        throw e;
      }
    }
  }

  /** Returns whether an earlier run has finished in the output with this very model. */
  private boolean isFinished() {
    if (UnfinishedRun.isIn(output) || !Files.exists(output.resolve(SideFiles.CONFIG))) {
      return false;
    }
    try (ModelDirectory there = ModelDirectory.open(output)) {
      return there.isPacked() == direction.packs()
          && SourceDigest.of(there).equals(SourceDigest.of(model));
    }
  }

  /** Returns the bytes that the output takes, as far as they are known before: at least so many. */
  private long leastBytes() {
    long shards = direction.packs() ? 0 : model.checkpoint().totalBytes();
    return Math.max(0, shards - SpaceCheck.taken(output));
  }

  private void write(
      OutputDirectory directory, SideFiles sideFiles, Workers workers, Progress progress) {
    List<SafetensorsFile> shards =
        model.checkpoint().shards().stream()
            .filter(
                shard ->
                    directory.interrupted().isEmpty()
                        || !OutputCheck.isCopy(shard, place(shard), direction.packs(), workers))
            .toList();
    List<Packing.ShardPlan> plans = direction.plan(model.modules(), shards, workers, progress);
    if (direction.packs() && directory.interrupted().isEmpty()) {
      Packing.ShardPlan.warnOfLarger(plans);
    }
    StepCount steps = StepCount.ofTensors("tensor", shards, progress);
    try (ShardStaging written = new ShardStaging(directory, Optional.empty(), DirectIo.BUFFERED)) {
      for (int from = 0; from < plans.size(); from += workers.count()) {
        int to = Math.min(plans.size(), from + workers.count());
        direction.write(plans.subList(from, to), written, workers, steps::done);
      }
      written.finish();
    }
    if (verify) {
      shards.forEach(
          shard -> OutputCheck.requireCopy(shard, place(shard), direction.packs(), workers));
    }
    Path config = Path.of(SideFiles.CONFIG);
    Path record = Path.of(SideFiles.MANIFEST);
    Stream.concat(sideFiles.files().stream(), sideFiles.lastFiles().stream())
        .filter(file -> !file.equals(config) && !file.equals(record))
        .forEach(directory::copy);
    direction.writeConfig(model, directory);
    // A directory with this file is complete, like one that prune has written.
    if (sideFiles.files().contains(record)) {
      directory.copy(record);
    }
  }

  private Path place(SafetensorsFile source) {
    return output.resolve(source.path().getFileName());
  }

  private void begin(OutputDirectory directory) {
    Fingerprint run =
        new Fingerprint(Map.of(Fingerprint.PACKING, direction.command()))
            .with(SourceDigest.byFile(model));
    if (directory.finished().isPresent()) {
      throw ErrorDetails.file(output).refused("holds a model that no interrupted run has left");
    }
    directory.begin(run);
  }

  private Result result() {
    List<SafetensorsFile> shards = model.checkpoint().shards();
    long before = 0;
    long after = 0;
    int modules = 0;
    for (SafetensorsFile shard : shards) {
      Path place = place(shard);
      try (SafetensorsFile written =
          OutputCheck.open(place, direction.packs(), OutputCheck.THROUGH_CACHE)) {
        SafetensorsFile packed = direction.packs() ? written : shard;
        modules += ((PackedShard) packed.bytes()).modules();
        before += Files.size(shard.path());
        after += Files.size(place);
      } catch (IOException e) {
        throw InputException.unreadable(place, "a shard", e);
      }
    }
    return new Result(modules, before, after);
  }

  /**
   * Returns all files beside the weights, since a lossless copy leaves none out: those that a
   * pruned copy needs, weights in other formats, and the record of a run. Folders of version
   * control and caches, links to nothing and special files are left out.
   */
  private SideFiles allFiles() {
    SideFiles needed = SideFiles.of(model.checkpoint(), output);
    List<Path> files = new ArrayList<>(needed.files());
    List<Path> leftOut = new ArrayList<>();
    List<Path> others = new ArrayList<>(needed.leftOut());
    others.add(Path.of(SideFiles.MANIFEST));
    for (Path file : others) {
      Path place = model.path().resolve(file);
      if (isSkipped(file) || !Files.isRegularFile(place)) {
        leftOut.add(file);
      } else {
        FileIdentity.requireInside(model.path(), place);
        files.add(file);
      }
    }
    leftOut.remove(Path.of(SideFiles.MANIFEST));
    return new SideFiles(model.path(), files, needed.lastFiles(), leftOut, false);
  }

  private static boolean isSkipped(Path file) {
    String name = file.getFileName().toString();
    return name.equals(".git") || name.equals(".cache");
  }
}
