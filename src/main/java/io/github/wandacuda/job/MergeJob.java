package io.github.wandacuda.job;

import io.github.wandacuda.adapter.LoraAdapter;
import io.github.wandacuda.adapter.LoraModule;
import io.github.wandacuda.adapter.LoraUpdate;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Merges an adapter into a pruned model: a directory that has the model's shards, names, header
 * bytes and other tensors, with the adapter's update added to the weights that aren't zero. {@code
 * config.json} and the index come last, and before them the zeros are checked in what was written.
 *
 * <p>The source's {@code wanda-cuda.json} is left out: it says how weights were zeroed and nothing
 * else changed, which is no longer true. A run that fails takes away what it has written.
 */
public final class MergeJob {
  private static final Logger LOG = LoggerFactory.getLogger(MergeJob.class);

  private final ModelDirectory model;
  private final LoraAdapter adapter;
  private final SideFiles sideFiles;
  private final Path output;

  /** Checks what can be checked before anything is written. */
  public MergeJob(ModelDirectory model, LoraAdapter adapter, Path output) {
    OutputPlace.check(output, model.path(), false);
    this.model = model;
    this.adapter = adapter;
    this.output = output;
    sideFiles = withoutAdapter(SideFiles.of(model.checkpoint(), output));
  }

  /**
   * The result of a merge.
   *
   * @param zeros how many of them were zero and are
   * @param newZeros how many of those became zero by the update
   */
  public record Result(int modules, long weights, long zeros, long changed, long newZeros) {}

  /** Merges, checks and completes the output; refuses a merged weight that isn't finite. */
  public Result run(int threads, Progress progress) {
    SpaceCheck.requireDisk(output, RunNeeds.outputBytes(model, sideFiles));
    sayLeftOut();
    try (Workers workers = new Workers(threads);
        OutputDirectory directory =
            OutputDirectory.open(output, sideFiles, model.checkpoint(), false)) {
      return OnFailure.close(
          directory::discard,
          () -> {
            directory.begin(new Fingerprint(Map.of(Fingerprint.MERGE, "lora")));
            Result result = write(directory, workers, progress);
            sideFiles.files().forEach(directory::copy);
            requireZeros(workers);
            sideFiles.lastFiles().forEach(directory::copy);
            directory.finish();
            return result;
          });
    }
  }

  /** Leaves out an adapter in the model's own folder: loaders would apply it once more. */
  private SideFiles withoutAdapter(SideFiles all) {
    Map<Boolean, List<Path>> byOwner =
        all.files().stream().collect(Collectors.partitioningBy(this::isAdapters));
    List<Path> leftOut = new ArrayList<>(all.leftOut());
    leftOut.addAll(byOwner.get(true));
    return new SideFiles(all.directory(), byOwner.get(false), all.lastFiles(), leftOut, false);
  }

  private boolean isAdapters(Path file) {
    Path place = model.path().resolve(file);
    return InputFile.reading(place, () -> adapter.owns(place));
  }

  private void sayLeftOut() {
    sideFiles.warnOfLeftOut("the output has no use for it");
    Path record = Path.of(SideFiles.MANIFEST);
    if (Files.exists(model.path().resolve(record))) {
      LOG.warn("{} is left out: it tells of the weights before the merge", record);
    }
  }

  private Result write(OutputDirectory directory, Workers workers, Progress progress) {
    Set<TensorInfo> changing =
        adapter.modules().stream()
            .map(pair -> pair.module().tensor())
            .collect(Collectors.toUnmodifiableSet());
    try (OutputShards shards =
            new OutputShards(
                model.checkpoint(),
                directory,
                ResumableWork.NONE,
                false,
                DirectIo.BUFFERED,
                (shard, results) -> {});
        TileBuffers buffers = TileBuffers.inCache(workers.count())) {
      PhaseClock clock = new PhaseClock(workers.count());
      shards.copyUntouched(changing, workers, clock);
      StepCount steps = new StepCount("module", adapter.modules().size(), progress);
      List<Job> jobs = new ArrayList<>();
      List<LoraUpdate.Counts> counts = Collections.synchronizedList(new ArrayList<>());
      for (LoraModule pair : adapter.modules()) {
        MergeTask task = new MergeTask(pair, shards.of(pair.module()), buffers, clock, counts::add);
        Runnable done =
            () -> {
              task.release();
              shards.written(pair.module());
              steps.done();
            };
        jobs.add(new Counted(task, done));
      }
      progress.begin(0);
      workers.run(jobs);
      shards.finish();
      return new Result(
          jobs.size(),
          adapter.modules().stream().mapToLong(pair -> pair.module().elements()).sum(),
          counts.stream().mapToLong(LoraUpdate.Counts::zeros).sum(),
          counts.stream().mapToLong(LoraUpdate.Counts::changed).sum(),
          counts.stream().mapToLong(LoraUpdate.Counts::newZeros).sum());
    }
  }

  /** Checks in the written shards that every zero is still there. */
  private void requireZeros(Workers workers) {
    Map<SafetensorsFile, SafetensorsFile> written = new HashMap<>();
    try {
      for (SafetensorsFile shard : model.checkpoint().shards()) {
        Path place = output.resolve(shard.fileName());
        written.put(shard, SafetensorsFile.open(place));
      }
      List<LinearModule> before = model.modules().stream().filter(LinearModule::prunable).toList();
      List<LinearModule> after =
          before.stream().map(module -> module.in(written.get(module.shard()))).toList();
      Verification found = ZerosVerifier.verify(before, after, workers).failures();
      if (!found.holds()) {
        throw VerificationException.ofOutput(output, found.failures().getFirst());
      }
    } finally {
      written.values().forEach(SafetensorsFile::close);
    }
  }

  /** A job that updates a module from the source's shard into the output's, rows by rows. */
  private static final class MergeTask implements Job {
    private final LoraModule pair;
    private final ShardWriter writer;
    private final ModuleTiles tiles;
    private final Consumer<LoraUpdate.Counts> counts;
    private LoraUpdate update;

    /** Prepares a module, and enlarges the workers' buffers; {@code counts} takes its tiles'. */
    MergeTask(
        LoraModule pair,
        ShardWriter writer,
        TileBuffers buffers,
        PhaseClock clock,
        Consumer<LoraUpdate.Counts> counts) {
      this.pair = pair;
      this.writer = writer;
      this.counts = counts;
      tiles =
          new ModuleTiles(pair.module().stored(), pair.module().shard(), writer, buffers, clock);
    }

    /** One thread writes to a shard at a time, because the system locks a file during a write. */
    @Override
    public Object resource() {
      return writer;
    }

    @Override
    public int tasks() {
      return pair.module().tensor().bytes() == 0 ? 0 : tiles.tiles().count();
    }

    @Override
    public void run(int worker, int tile) {
      MemorySegment rows = tiles.read(worker, tile).data();
      counts.accept(update().apply(rows, tiles.tiles().firstRow(tile)));
      tiles.write(worker, tile, null, false);
    }

    /** Returns the update, whose tensors are read when the first rows are. */
    private synchronized LoraUpdate update() {
      if (update == null) {
        update = new LoraUpdate(pair);
      }
      return update;
    }

    private synchronized void release() {
      update = null;
    }
  }
}
