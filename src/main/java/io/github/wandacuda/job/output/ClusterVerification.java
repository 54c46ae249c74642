package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.FirstFailure;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.system.PrivateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Has a cluster check the shards of a pruned model. Weights stay where they are read; what travels
 * back is what is wrong, numbers, and where a record has their digest, masks.
 *
 * @param cluster checks them
 * @param progress is told of each tensor that is checked
 * @param maskBytes the most bytes of masks that travel together, unless one alone has more
 */
public record ClusterVerification(Cluster cluster, Progress progress, long maskBytes)
    implements ShardsCheck {
  private static final long MASK_BYTES = 32L << 20;

  /** Makes a check whose masks travel in pieces of 32 MiB. */
  public ClusterVerification(Cluster cluster, Progress progress) {
    this(cluster, progress, MASK_BYTES);
  }

  @Override
  public Optional<ShardVerifier.Found> check(Pruned pruned, Failures failures) {
    VerifyRun run = VerifyRun.of(pruned);
    List<VerifyTask> tasks = VerifyTask.of(run, pruned, maskBytes);
    GivenPaths paths = new GivenPaths(List.of(pruned.directory(), pruned.dense().path()));
    try (PrivateDirectory spill = PrivateDirectory.create("wanda-cuda-verify")) {
      return check(pruned, run, tasks, new Told(failures, paths), spill.path());
    } catch (InputException e) {
      throw paths.in(e);
    } catch (IOException e) {
      throw OutputException.unwritable(Path.of(System.getProperty("java.io.tmpdir")), e);
    }
  }

  /** What is told of a check, and by which names. */
  private record Told(Failures failures, GivenPaths paths) {}

  private Optional<ShardVerifier.Found> check(
      Pruned pruned, VerifyRun run, List<VerifyTask> tasks, Told told, Path spill) {
    try (VerifiedParts parts = new VerifiedParts(pruned, tasks, progress, spill)) {
      FirstFailure.run(
          cluster,
          "verify " + pruned.directory(),
          tasks,
          part -> {
            told.failures().add(told.paths().in(part.failures()));
            parts.take(part);
          });
      return parts.found(run.masks());
    }
  }
}
