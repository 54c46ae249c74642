package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.util.List;

/** Tells of the tensors that were checked, by whichever worker was last. */
final class VerifiedBytes {
  private final Progress progress;
  private final long tensors;
  private final long bytes;
  private long tensorsDone;
  private long bytesDone;

  /** Counts all tensors that have bytes, of the dense model alone. */
  public VerifiedBytes(Progress progress, List<SafetensorsFile> shards) {
    this.progress = progress;
    List<TensorInfo> all =
        shards.stream()
            .flatMap(shard -> shard.tensors().stream())
            .filter(tensor -> tensor.bytes() > 0)
            .toList();
    tensors = all.size();
    bytes = all.stream().mapToLong(TensorInfo::bytes).sum();
    progress.begin(0);
    progress.bytes(bytes);
  }

  /** Called when a tensor with bytes is checked. */
  public synchronized void done(TensorInfo tensor) {
    tensorsDone++;
    bytesDone += tensor.bytes();
    progress.step("verified tensor", tensorsDone, tensors, (double) bytesDone / bytes);
  }
}
