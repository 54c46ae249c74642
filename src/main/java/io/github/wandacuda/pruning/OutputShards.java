package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.parallel.Job;
import io.github.wandacuda.parallel.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The output's shards while they are written: one for each of the source's, of the same name and
 * header.
 */
final class OutputShards implements AutoCloseable {
  private final Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();

  /**
   * Creates all shards.
   *
   * @throws io.github.wandacuda.error.OutputException if one can't be made
   */
  OutputShards(Checkpoint source, OutputDirectory output) {
    try {
      for (SafetensorsFile shard : source.shards()) {
        Path file = output.file(shard.path().getFileName().toString());
        writers.put(shard, ShardWriter.create(file, shard));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  ShardWriter of(LinearModule module) {
    return writers.get(module.shard());
  }

  /** Copies every tensor that isn't among {@code pruned}. */
  void copyUntouched(Set<TensorInfo> pruned, Workers workers, PhaseClock clock) {
    try (TileBuffers buffers = new TileBuffers(TileMemory.inCache(workers.count()))) {
      List<Job> copies = new ArrayList<>();
      writers.forEach(
          (shard, writer) ->
              shard.tensors().stream()
                  .filter(tensor -> !pruned.contains(tensor))
                  .forEach(
                      tensor -> copies.add(new CopyJob(shard, tensor, writer, buffers, clock))));
      workers.run(copies);
    }
  }

  /**
   * Ends all shards.
   *
   * @throws io.github.wandacuda.error.OutputException if one wasn't written whole
   */
  void finish() {
    writers.values().forEach(ShardWriter::close);
  }

  /** Lets go of shards that weren't finished. */
  @Override
  public void close() {
    writers.values().forEach(ShardWriter::abandon);
  }
}
