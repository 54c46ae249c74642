package io.github.wandacuda.cli.option;

import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterProvider;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.shard.OnCluster;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** The option for a cluster. */
public final class ClusterOption {
  @Option(
      names = "--cluster",
      paramLabel = "NAME",
      description =
          "Have a cluster do the work: spark, if spark-submit has started this program, or local,"
              + " this process.")
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
   * @param moments whether second moments come from samples
   * @param masks whether masks come from files
   * @throws UsageException if there is no such cluster, or it can't do what is asked for
   */
  public void check(boolean inPlace, boolean moments, boolean masks) {
    if (name == null) {
      return;
    }
    ClusterProvider unused = Clusters.named(name);
    OnCluster.check(inPlace, moments, masks);
  }

  /**
   * Checks the option of a command that a cluster can do all of.
   *
   * @throws UsageException if there is no such cluster
   */
  public void check() {
    if (name != null) {
      ClusterProvider unused = Clusters.named(name);
    }
  }

  /**
   * Does a job on the cluster, if one was named.
   *
   * @param besideHeap bytes that a process needs beside its heap
   */
  public void run(
      PruneJob job, BackendOptions backends, OutputOptions output, long besideHeap, Work work) {
    if (name == null) {
      work.on(job);
      return;
    }
    run(
        backends,
        output,
        besideHeap,
        cluster -> {
          work.on(job.on(cluster));
          return job;
        });
  }

  /** Returns whether a cluster was named. */
  public boolean given() {
    return name != null;
  }

  /**
   * Does something on the cluster that was named.
   *
   * @param besideHeap bytes that a process needs beside its heap
   */
  public <T> T run(
      BackendOptions backends, OutputOptions output, long besideHeap, Function<OnCluster, T> work) {
    return run(
        output, besideHeap, cluster -> work.apply(new OnCluster(cluster, backends.devices())));
  }

  /**
   * Does something that needs no device on the cluster that was named.
   *
   * @param besideHeap bytes that a process needs beside its heap
   */
  public <T> T run(OutputOptions output, long besideHeap, Function<Cluster, T> work) {
    try (Cluster cluster = Clusters.named(name).open(besideHeap)) {
      output.say("cluster " + cluster.name());
      return work.apply(cluster);
    }
  }
}
