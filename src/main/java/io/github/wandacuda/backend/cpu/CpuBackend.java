package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.cpu.CpuOperations;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.select.cpu.CpuSelector;
import io.github.wandacuda.system.WorkerPool;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The processor that this JVM runs on. */
public final class CpuBackend implements Backend {
  /** The backend's name, as {@code --backend} takes it. */
  static final String NAME = "cpu";

  private static final long CACHE_LINE = 64;

  private final String device;
  private final WorkerPool workers;

  /** What is closed with the backend: threads of its own, or nothing. */
  private final Runnable closing;

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
    this(kernels, device, new Workers(threads));
  }

  private CpuBackend(CpuKernels kernels, String device, Workers workers) {
    this(kernels, device, workers, workers::close);
  }

  /**
   * Opens the processor for a caller who brings the threads.
   *
   * @param kernels what computes
   * @param device the processor's name, for people
   * @param workers stay the caller's
   */
  CpuBackend(CpuKernels kernels, String device, WorkerPool workers) {
    this(kernels, device, workers, () -> {});
  }

  private CpuBackend(CpuKernels kernels, String device, WorkerPool workers, Runnable closing) {
    this.device = device;
    this.workers = workers;
    this.closing = closing;
    selector = new CpuSelector(kernels.select());
    operations = CpuOperations.checked(kernels.forward(), workers);
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String device() {
    return device;
  }

  /** Results are the same on every processor, with vectors and without. */
  @Override
  public String arithmetic() {
    return name();
  }

  /** A tile of 256 KiB stays in a core's cache between its steps. */
  @Override
  public long tileBytes() {
    return 256 << 10;
  }

  @Override
  public MemorySegment hostMemory(long bytes, Arena arena) {
    return arena.allocate(bytes, CACHE_LINE);
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
    closing.run();
  }
}
