package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.parallel.Workers;

/** The processor that this JVM runs on. */
public final class CpuBackend implements Backend {
  /** The backend's name, as {@code --backend} takes it. */
  static final String NAME = "cpu";

  private final String device;
  private final Workers workers;
  private final Selector selector;
  private final Operations operations;

  /**
   * Opens the processor.
   *
   * @param kernels what computes
   * @param device the processor's name, for people
   * @param threads threads to use, 1 or more; selections run on those of the callers
   */
  public CpuBackend(CpuKernels kernels, String device, int threads) {
    this.device = device;
    workers = new Workers(threads);
    selector = new CpuSelector(kernels.select());
    operations = new CpuOperations(kernels.forward(), workers);
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String device() {
    return device;
  }

  @Override
  public int concurrency() {
    return workers.count();
  }

  @Override
  public Selector selector() {
    return selector;
  }

  @Override
  public Operations operations() {
    return operations;
  }

  @Override
  public void close() {
    workers.close();
  }
}
