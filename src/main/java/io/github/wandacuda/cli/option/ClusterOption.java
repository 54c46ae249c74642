package io.github.wandacuda.cli.option;

import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterProvider;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.job.cluster.OnCluster;
import java.util.Optional;
import java.util.function.Consumer;
import picocli.CommandLine.Option;

/** Whether a cluster does the work: Spark, or this process in its place. */
public final class ClusterOption {
  public static final String NAME = "--cluster";

  @Option(
      names = NAME,
      paramLabel = "NAME",
      description =
          "Have a cluster do the work: spark, if spark-submit has started this program, or local,"
              + " this process.")
  private String name;

  /** Checks the option for {@code prune}, before the work that is done before {@link #run}. */
  public void check(boolean inPlace, boolean masks) {
    check();
    if (name != null) {
      OnCluster.check(inPlace, masks);
    }
  }

  /** Checks the option of a command that a cluster can do all of. */
  public void check() {
    if (name != null) {
      ClusterProvider unused = Clusters.named(name);
    }
  }

  public boolean given() {
    return name != null;
  }

  /** Opens the cluster that was named; its processes need so many bytes beside the heap. */
  public Cluster open(OutputOptions output, long besideHeap) {
    Cluster cluster = Clusters.named(name).open(besideHeap);
    output.say("cluster " + cluster.name());
    return cluster;
  }

  public void runAnyway(
      BackendOptions backends,
      OutputOptions output,
      long besideHeap,
      Consumer<Optional<OnCluster>> work) {
    if (name == null) {
      work.accept(Optional.empty());
      return;
    }
    try (Cluster cluster = open(output, besideHeap)) {
      work.accept(Optional.of(new OnCluster(cluster, backends.devices())));
    }
  }
}
