package io.github.wandacuda.cli;

import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterProvider;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.OnCluster;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** The option for a cluster. */
final class ClusterOption {
  static final String NAME = "--cluster";

  @Option(
      names = NAME,
      paramLabel = "NAME",
      description =
          "Have a cluster do the work: spark, if spark-submit has started this program, or local,"
              + " this process.")
  private String name;

  /**
   * Checks the option, before the work that is done before {@link #run}.
   *
   * @param inPlace whether the model's own shards are pruned
   * @param masks whether masks come from files
   * @throws UsageException if there is no such cluster, or it can't do what is asked for
   */
  public void check(boolean inPlace, boolean masks) {
    check();
    if (name != null) {
      OnCluster.check(inPlace, masks);
    }
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
   * Does something, on the cluster if one was named.
   *
   * @param besideHeap bytes that a process needs beside its heap
   */
  public void runAnyway(
      BackendOptions backends,
      OutputOptions output,
      long besideHeap,
      Consumer<Optional<OnCluster>> work) {
    if (name == null) {
      work.accept(Optional.empty());
      return;
    }
    Optional<OnCluster> unused =
        run(
            backends,
            output,
            besideHeap,
            cluster -> {
              work.accept(Optional.of(cluster));
              return Optional.of(cluster);
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
