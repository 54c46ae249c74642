package io.github.wandacuda.cluster;

import com.google.auto.service.AutoService;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;

/** Offers Apache Spark as a cluster, in a process that {@code spark-submit} has started. */
@AutoService(ClusterProvider.class)
public final class SparkClusterProvider implements ClusterProvider {
  @Override
  public String name() {
    return "spark";
  }

  @Override
  public Cluster open(long besideHeap) {
    try {
      return SparkCluster.open(besideHeap);
    } catch (NoClassDefFoundError e) {
      throw noSpark(e);
    }
  }

  /**
   * Returns the failure of a process that has no Spark, or that wasn't started by {@code
   * spark-submit}; for the caller to throw.
   */
  static UsageException noSpark(Throwable cause) {
    return ErrorDetails.of("`cluster`")
        .hint("spark-submit takes the jar and its arguments")
        .refused("a program that spark-submit has started", "another", cause);
  }
}
