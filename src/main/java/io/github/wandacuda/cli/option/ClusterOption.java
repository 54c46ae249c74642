package io.github.wandacuda.cli.option;

import io.github.wandacuda.cluster.ClusterProvider;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.shard.OnCluster;
import picocli.CommandLine.Option;

/** The option for a cluster. */
public final class ClusterOption {
  @Option(
      names = "--cluster",
      paramLabel = "NAME",
      description =
          "Have a cluster write the shards: spark, if spark-submit has started this program, or"
              + " local, this process. With --statistics, or a method that needs no norms.")
  private String name;

  /** Does a job, on a cluster or not. */
  @FunctionalInterface
  public interface Work {
    /** Does it. */
    void on(PruneJob job);
  }

  /**
   * Checks the option, before the work that is done before {@link #run}.
   *
   * @param inPlace whether the model's own shards are pruned
   * @param calibrated whether the norms come from samples
   * @param masks whether masks come from files
   * @throws UsageException if there is no such cluster, or it can't do what is asked for
   */
  public void check(boolean inPlace, boolean calibrated, boolean masks) {
    if (name == null) {
      return;
    }
    ClusterProvider unused = Clusters.named(name);
    OnCluster.check(inPlace, calibrated, masks);
  }

  /** Does a job on the cluster, if one was named. */
  public void run(PruneJob job, BackendOptions backends, OutputOptions output, Work work) {
    if (name == null) {
      work.on(job);
      return;
    }
    try (var cluster = Clusters.named(name).open()) {
      output.say("cluster " + cluster.name());
      work.on(job.on(new OnCluster(cluster, backends.devices())));
    }
  }
}
