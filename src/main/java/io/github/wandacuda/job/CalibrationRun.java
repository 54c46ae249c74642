package io.github.wandacuda.job;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelDirectory;
import java.io.Serializable;

/**
 * What a process on another machine has to know to run samples through a model.
 *
 * @param model the source's directory, the same path on all machines
 * @param sourceSha256 the digest of the source where the run began
 * @param arithmetic what the last bits depend on, the same on all machines
 * @param devices what each process opens
 * @param pruned the run that prunes each block before samples leave it, or null for the dense model
 */
record CalibrationRun(
    String model,
    String sourceSha256,
    String arithmetic,
    OnCluster.Devices devices,
    RunDescription pruned)
    implements Serializable {

  /**
   * Opens the source.
   *
   * @throws InputException if there is none at its path, or another one than where the run began
   */
  ModelDirectory openModel() {
    return new SharedSource(model, sourceSha256).open();
  }

  /**
   * Checks that a process computes the bits of the others.
   *
   * @param node what people call it
   * @throws BackendUnavailableException if it doesn't
   */
  void requireSame(String found, String node) {
    OnCluster.requireSame(arithmetic, found, node);
  }
}
