package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** From packed weights to those that they stand for, which is what reading them gives. */
final class Unpacker implements Direction {
  @Override
  public String name() {
    return "unpack";
  }

  @Override
  public void require(ModelDirectory model) {
    if (!model.isPacked()) {
      throw new InputException(
          ErrorDetails.file(model.path())
              .expected("a packed model, " + PackedFormat.FORMAT, "one that isn't packed")
              .hint("name a directory that pack or prune has packed"));
    }
  }

  @Override
  public boolean packs() {
    return false;
  }

  @Override
  public byte[] config(Path file, byte[] source) {
    return PackedConfig.source(file, source);
  }

  @Override
  public void write(
      List<LinearModule> modules,
      List<SafetensorsFile> shards,
      NewShards output,
      Workers workers,
      Runnable done) {
    try (PackBuffers buffers = new PackBuffers(workers.count())) {
      List<Job> jobs = new ArrayList<>();
      Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();
      for (SafetensorsFile shard : shards) {
        ShardWriter writer = output.begin(shard, shard);
        writers.put(shard, writer);
        shard
            .tensors()
            .forEach(
                tensor ->
                    jobs.add(
                        new Counted(CopyTask.of(shard, tensor, writer, tensor, buffers), done)));
      }
      workers.run(jobs);
      writers.forEach(output::complete);
    }
  }
}
