package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The processor that this JVM runs on, as a backend. */
final class CpuBackend implements Backend {
  static final String NAME = "cpu";

  private static final long CACHE_LINE = 64;

  /**
   * From so many weights on the kernels on vectors are used, which Java compiles for 0.4 s. On two
   * processors a run over 25 million took 1.0 s without them and 1.25 with, one over 200 million
   * 1.6 s either way, one over 450 million 2.5 and 2.1.
   */
  private static final long MANY_WEIGHTS = 150_000_000;

  private final String device;
  private final WorkerPool workers;

  private final Runnable closing;
  private final CpuKernels kernels;
  private final Selector plainSelector = new CpuSelector(new ScalarSelect());

  private Selector selector;
  private Operations operations;

  /**
   * Opens the processor.
   *
   * @param kernels created at their first use
   * @param device the processor's name, for people
   * @param workers the threads to use; selections run on those of the callers
   * @param closing closes the threads, unless they stay the caller's
   */
  CpuBackend(CpuKernels kernels, String device, WorkerPool workers, Runnable closing) {
    this.kernels = kernels;
    this.device = device;
    this.workers = workers;
    this.closing = closing;
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
  public synchronized Selector selector() {
    if (selector == null) {
      selector = new CpuSelector(kernels.select().get());
    }
    return selector;
  }

  @Override
  public Selector selector(long weights) {
    return weights < MANY_WEIGHTS ? plainSelector : selector();
  }

  @Override
  public synchronized Operations operations() {
    if (operations == null) {
      operations = CpuOperations.checked(kernels.forward().get(), workers);
    }
    return operations;
  }

  @Override
  public synchronized void close() {
    closing.run();
  }
}
