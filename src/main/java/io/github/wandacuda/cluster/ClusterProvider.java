package io.github.wandacuda.cluster;

/** Makes a cluster known by its name; found by {@code ServiceLoader}. */
public interface ClusterProvider {
  /** Returns the name by which users ask for it. */
  String name();

  /**
   * Connects to the cluster.
   *
   * @param besideHeap bytes that each process is going to need beside its heap, for clusters that
   *     end processes that take more than they have asked for
   * @throws io.github.wandacuda.error.UsageException if this process can't have one
   */
  Cluster open(long besideHeap);
}
