package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.io.IoMode;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.system.Workers;
import java.util.List;
import java.util.Optional;

/**
 * Checks shards in this process.
 *
 * @param threads number of threads, 1 or more
 * @param progress is told of each tensor that is checked
 */
public record ShardsHere(int threads, Progress progress) implements ShardsCheck {
  @Override
  public Optional<ShardVerifier.Found> check(Pruned pruned, Failures failures) {
    List<SafetensorsFile> shards = pruned.dense().checkpoint().shards();
    try (DirectIo io = DirectIo.of(IoMode.AUTO, 2 * pruned.dense().checkpoint().totalBytes());
        Workers workers = new Workers(threads)) {
      shards.forEach(shard -> shard.readThrough(io));
      return new ShardVerifier(
              workers,
              pruned.rules(),
              pruned.chosen(),
              failures,
              MaskSink.NONE,
              shard -> shard.readThrough(io),
              progress)
          .verify(shards, pruned.directory(), PrunedFiles.reading(pruned.packed()), tensor -> true);
    }
  }
}
