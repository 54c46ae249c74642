package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Selector;

/** The processor that this JVM runs on. */
public final class CpuBackend implements Backend {
  /** The backend's name, as {@code --backend} takes it. */
  static final String NAME = "cpu";

  private final int threads;
  private final String device;
  private final Selector selector;

  /**
   * Opens the processor.
   *
   * @param kernels what computes
   * @param device the processor's name, for people
   * @param threads threads to use, 1 or more; selections run on those of the callers
   */
  public CpuBackend(CpuKernels kernels, String device, int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("%d threads".formatted(threads));
    }
    this.threads = threads;
    this.device = device;
    selector = new CpuSelector(kernels.select());
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
    return threads;
  }

  @Override
  public Selector selector() {
    return selector;
  }

  @Override
  public Operations operations() {
    throw new UnsupportedOperationException("operations");
  }

  @Override
  public void close() {}
}
