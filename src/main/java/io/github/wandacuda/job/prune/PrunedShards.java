package io.github.wandacuda.job.prune;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.output.BorrowedMemory;
import io.github.wandacuda.job.output.CopyTask;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleSink;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.BackgroundWork;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The output's shards while they are written: one for each of the source's, with the same name and
 * header. A shard is written under a temporary name. When it is complete, a background thread
 * forces it to the device and gives it its name, while others are written.
 */
final class PrunedShards implements ModuleSink, AutoCloseable {
  private final Journal journal;
  private final BackgroundWork background = new BackgroundWork("wanda-cuda-files");
  private final boolean withNorms;
  private final ResumableWork kept;
  private final DirectIo io;
  private final BiConsumer<SafetensorsFile, List<ModuleResult>> published;
  private final Map<SafetensorsFile, Shard> shards = new LinkedHashMap<>();
  private BorrowedMemory borrowed;

  /**
   * Creates all shards, or continues those that an interrupted run has left.
   *
   * @param source the dense checkpoint
   * @param output the unfinished directory
   * @param kept what an interrupted run has left
   * @param withNorms whether the journal keeps modules' norms
   * @param io how shards are written
   * @param published called on the background thread with each shard that has its name, and its
   *     results
   */
  public PrunedShards(
      Checkpoint source,
      OutputDirectory output,
      ResumableWork kept,
      boolean withNorms,
      DirectIo io,
      BiConsumer<SafetensorsFile, List<ModuleResult>> published) {
    this.io = io;
    this.published = published;
    this.journal = output.journal();
    this.withNorms = withNorms;
    this.kept = kept;
    OnFailure.run(this::close, () -> source.shards().forEach(shard -> begin(shard, output)));
  }

  private void begin(SafetensorsFile shard, OutputDirectory output) {
    Shard opened = open(output.file(shard.path().getFileName()), shard);
    shards.put(shard, opened);
    shard.tensors().stream()
        .filter(tensor -> tensor.bytes() > 0 && !kept.has(tensor))
        .forEach(opened.unrecorded::add);
  }

  private static final class Shard {
    private final Path target;
    private final ShardWriter writer;
    private final List<ModuleResult> results = new ArrayList<>();

    /** Tensors that have no record in the journal yet. For the background thread alone. */
    private final Set<TensorInfo> unrecorded = new HashSet<>();

    private boolean published;

    Shard(Path target, ShardWriter writer) {
      this.target = target;
      this.writer = writer;
    }
  }

  private Shard open(Path target, SafetensorsFile layout) {
    Path temporary = AtomicWrite.temporary(target);
    boolean begun = layout.tensors().stream().anyMatch(t -> t.bytes() > 0 && kept.has(t));
    try {
      if (!begun) {
        Files.deleteIfExists(target);
        Files.deleteIfExists(temporary);
        return new Shard(target, ShardWriter.create(temporary, layout, io));
      }
      if (target.equals(kept.places().get(layout))) {
        Files.move(target, temporary, StandardCopyOption.ATOMIC_MOVE);
      } else {
        Files.deleteIfExists(target);
      }
      return new Shard(target, ShardWriter.resume(temporary, layout, kept::has, io));
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    }
  }

  @Override
  public ShardWriter of(LinearModule module) {
    return shards.get(module.shard()).writer;
  }

  /** Copies every tensor of the source that isn't among {@code pruned}. */
  public void copyUntouched(Set<TensorInfo> pruned, Workers workers, PhaseClock clock) {
    try (TileBuffers buffers = TileBuffers.inCache(workers.count())) {
      List<Job> copies = new ArrayList<>();
      shards.forEach(
          (source, shard) ->
              source.tensors().stream()
                  .filter(tensor -> !pruned.contains(tensor) && !kept.has(tensor))
                  .forEach(
                      tensor ->
                          copies.add(
                              new Counted(
                                  CopyTask.of(source, tensor, shard.writer, buffers, clock),
                                  () -> copied(source, tensor, shard)))));
      workers.run(copies);
    }
  }

  private void copied(SafetensorsFile source, TensorInfo tensor, Shard shard) {
    record(
        source, tensor, new RunRecords.Tensor(tensor.name(), shard.writer.checksum(tensor), null));
  }

  @Override
  public void done(ModuleResult result) {
    record(result.module().shard(), result.module().tensor(), written(result));
  }

  /**
   * Registers a module that is written.
   *
   * @return the journal's record of it
   */
  private RunRecords.Tensor written(ModuleResult result) {
    Shard shard = shards.get(result.module().shard());
    synchronized (shard) {
      shard.results.add(result);
    }
    int checksum = shard.writer.checksum(result.module().tensor());
    return RunRecords.Tensor.of(result, checksum, withNorms);
  }

  /** Begins to borrow weights. Their owner closes the result before it frees their memory. */
  public BorrowedMemory borrow() {
    borrowed = new BorrowedMemory(background);
    return borrowed;
  }

  @Override
  public void lend(ModuleResult result, MemorySegment weight) {
    LinearModule module = result.module();
    borrowed.write(
        of(module),
        module.tensor(),
        weight,
        () -> settle(module.shard(), module.tensor(), written(result)));
  }

  /** Registers a module that was written by something else than pruning. */
  public void written(LinearModule module) {
    copied(module.shard(), module.tensor(), shards.get(module.shard()));
  }

  private void record(SafetensorsFile source, TensorInfo tensor, RunRecords.Tensor record) {
    background.submit(() -> settle(source, tensor, record));
  }

  /** Records a tensor that is written. For the background thread alone. */
  private void settle(SafetensorsFile source, TensorInfo tensor, RunRecords.Tensor record) {
    Shard shard = shards.get(source);
    shard.writer.settle(tensor);
    journal.append(record.record());
    shard.unrecorded.remove(tensor);
    if (shard.unrecorded.isEmpty() && shard.writer.isComplete()) {
      publish(source, shard);
    }
  }

  /** Gives a complete shard its name. For the background thread alone. */
  private void publish(SafetensorsFile source, Shard shard) {
    if (shard.published || background.isEnding()) {
      return;
    }
    shard.writer.publish(shard.target, () -> {});
    shard.published = true;
    synchronized (shard) {
      published.accept(source, List.copyOf(shard.results));
    }
  }

  /** Forces what was written so far to the device. For the background thread alone. */
  void force() {
    shards.values().stream()
        .filter(shard -> !shard.published)
        .forEach(shard -> shard.writer.force());
  }

  /** Waits until every shard has its name. */
  public void finish() {
    shards.forEach((source, shard) -> background.submit(() -> publish(source, shard)));
    background.await();
  }

  /** Returns the thread that writes and publishes. */
  BackgroundWork background() {
    return background;
  }

  /** Closes the shards, complete or not. */
  @Override
  public void close() {
    background.close();
    shards.values().forEach(shard -> shard.writer.abandon());
  }
}
