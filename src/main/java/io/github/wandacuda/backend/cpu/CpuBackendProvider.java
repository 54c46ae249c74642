package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.ThisRuntime;
import io.github.wandacuda.system.WorkerPool;
import io.github.wandacuda.system.Workers;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Offers the processor that this JVM runs on. It is always there, and the last choice of {@code
 * auto}.
 */
public final class CpuBackendProvider implements BackendProvider {
  private static final Logger LOG = LoggerFactory.getLogger(CpuBackendProvider.class);

  @Override
  public String name() {
    return CpuBackend.NAME;
  }

  @Override
  public int order() {
    return Integer.MAX_VALUE;
  }

  @Override
  public List<DeviceDescription> devices() {
    return List.of(device("%d threads".formatted(Runtime.getRuntime().availableProcessors())));
  }

  private static DeviceDescription device(String how) {
    return new DeviceDescription(0, model(), true, true, how);
  }

  @Override
  public List<DeviceDescription> listing() {
    return List.of(
        device(
            "%s, %s, packed weights %s"
                .formatted(
                    devices().getFirst().reason(), CpuKernels.describe(), SparseMatrix.kernels())));
  }

  @Override
  public Backend open(int device, int threads, Precision precision) {
    CpuKernels kernels = kernels(device);
    Workers workers = new Workers(threads);
    return new CpuBackend(kernels, model(), workers, workers::close);
  }

  @Override
  public Backend open(int device, WorkerPool workers) {
    return new CpuBackend(kernels(device), model(), workers, () -> {});
  }

  /**
   * Returns the kernels of the only device.
   *
   * @throws BackendUnavailableException if it is asked for another one than 0
   */
  private static CpuKernels kernels(int device) {
    if (device != 0) {
      throw new BackendUnavailableException("cpu has no device %d, only 0".formatted(device));
    }
    if (!ThisRuntime.hasVectors()) {
      LOG.warn("slow without the Vector API: {}", CpuKernels.ADVICE);
    }
    return CpuKernels.choose();
  }

  /** Returns the processor's model where the system tells it, else its architecture. */
  private static String model() {
    return MachineFacts.processor().orElse(System.getProperty("os.arch"));
  }
}
