package io.github.wandacuda.job.structure;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.cluster.RunDescription;
import io.github.wandacuda.job.output.CopyTask;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.ShardStaging;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The shards of a smaller model, whose tensors are slices of the source's, while they are written.
 *
 * @param shards as they will be
 * @param like the source's shard whose modes they get
 */
record SmallerShards(List<SafetensorsFile> shards, Path like) {
  /** Writes the shards; each is forced to the device while the next one is written. */
  void write(
      OutputDirectory directory,
      DirectIo io,
      Workers workers,
      PhaseClock clock,
      Progress progress) {
    StepCount steps = StepCount.ofTensors("tensor", shards, progress);
    try (ShardStaging written = new ShardStaging(directory, Optional.empty(), io)) {
      for (SafetensorsFile shard : shards) {
        ShardWriter writer = written.begin(shard, shard, like);
        CopyTask.all(
            shard, shard.tensors(), writer, workers, clock, tensor -> steps.done(tensor.bytes()));
        written.complete(shard, writer);
      }
      written.finish();
    }
  }

  /** Writes and checks the shards on a cluster. Shards that are there and right stay. */
  void write(OnCluster on, RunDescription run, PhaseClock clock, Progress progress) {
    long start = System.nanoTime();
    StepCount steps = new StepCount("shard", shards.size(), progress);
    progress.begin(0);
    on.cluster()
        .run(
            "write " + run.output(),
            shards.stream().map(shard -> new ShardTask(run, shard.fileName())).toList(),
            shard -> steps.done());
    clock.addWait(System.nanoTime() - start);
  }

  private record ShardTask(RunDescription run, String shard) implements ClusterTask<String> {
    @Override
    public String run(ClusterNode node) {
      run.requireShared(node.name());
      try (ModelDirectory model = run.source().open();
          Workers workers = new Workers(run.devices().count(node))) {
        SafetensorsFile written = run.plan().ofRemoval().smaller(model).shard(shard);
        Path place = Path.of(run.output()).resolve(shard);
        if (!OutputCheck.isCopy(written, place, false, workers)) {
          write(written, place, model.checkpoint().shards().getFirst().path(), workers, node);
        }
      }
      return shard;
    }

    /**
     * Writes a shard. Several attempts write the same bytes, so it doesn't matter which comes last.
     */
    private void write(
        SafetensorsFile written, Path place, Path like, Workers workers, ClusterNode node) {
      Path temporary = run.temporary();
      PhaseClock clock = new PhaseClock(workers.count());
      ShardWriter writer = ShardWriter.create(temporary, written, like, DirectIo.BUFFERED);
      try {
        CopyTask.all(written, written.tensors(), writer, workers, clock, tensor -> {});
        writer.publish(place, () -> run.requireWanted(node));
      } finally {
        writer.abandon();
        OutputDirectory.removeFile(temporary);
      }
      if (run.verify()) {
        OutputCheck.requireCopy(written, place, false, workers);
      }
    }
  }
}
