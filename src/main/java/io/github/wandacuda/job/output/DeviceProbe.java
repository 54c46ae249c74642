package io.github.wandacuda.job.output;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;

/**
 * Asks one process what the last bits of its results depend on.
 *
 * @param devices what it opens
 */
record DeviceProbe(OnCluster.Devices devices) implements ClusterTask<String> {
  @Override
  public String run(ClusterNode node) {
    try (Backend backend = devices.open(node)) {
      return backend.arithmetic();
    }
  }
}
