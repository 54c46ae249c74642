package io.github.wandacuda.cluster;

import com.google.auto.service.AutoService;

/** This process as a cluster. */
@AutoService(ClusterProvider.class)
public final class LocalClusterProvider implements ClusterProvider {
  @Override
  public String name() {
    return Clusters.LOCAL;
  }

  @Override
  public Cluster open(long besideHeap) {
    return new LocalCluster();
  }
}
