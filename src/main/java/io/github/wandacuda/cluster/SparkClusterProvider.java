package io.github.wandacuda.cluster;

import com.google.auto.service.AutoService;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;

/** Apache Spark as a cluster. */
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

  /** Says that this process has no Spark, or none that it was told to use. */
  static UsageException noSpark(Throwable cause) {
    return ErrorDetails.of("`cluster`")
        .hint("spark-submit takes the jar and its arguments")
        .refused("a program that spark-submit has started", "another", cause);
  }
}
