package io.github.wandacuda.cluster;

/** A kind of cluster that users choose by its name; found by {@link java.util.ServiceLoader}. */
public interface ClusterProvider {
  /** Returns the name by which users ask for it. */
  String name();

  /**
   * Connects to the cluster.
   *
   * @param besideHeap bytes that each process is going to need beside its heap, for clusters that
   *     end processes that take more than they have asked for
   * @return the caller's to close
   * @throws io.github.wandacuda.error.UsageException if this process can't have one
   */
  Cluster open(long besideHeap);
}
