package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.OneDnn.Search;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.RadixSelect;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The processor that this JVM runs on. */
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
  private final Selector plainSelector = new CpuSelector(new RadixSelect());

  /** What was found of oneDNN; null if it wasn't asked for. */
  private final Search found;

  private Selector selector;
  private Operations operations;

  /** Null if BF16 is multiplied in float32, or nothing was multiplied yet. */
  private BfloatLinear bfloat;

  /**
   * Opens the processor.
   *
   * @param workers the threads to use; selections run on those of the callers
   * @param closing closes the threads, unless they stay the caller's
   * @param found a library for products with activations rounded to BF16, if there is one; null to
   *     multiply in float32
   */
  CpuBackend(
      CpuKernels kernels, String device, WorkerPool workers, Runnable closing, Search found) {
    this.kernels = kernels;
    this.device = device;
    this.workers = workers;
    this.closing = closing;
    this.found = found;
  }

  private boolean rounds() {
    return found != null && found.library() != null;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String device() {
    return device;
  }

  /** Results are the same on every processor, with vectors and without, but oneDNN's. */
  @Override
  public String arithmetic() {
    return !rounds()
        ? name()
        : "%s, %s by %s"
            .formatted(
                Backend.super.arithmetic(), Precision.FAST.label(), found.library().arithmetic());
  }

  @Override
  public Optional<Precision> precision() {
    return rounds() ? Optional.of(Precision.FAST) : Optional.empty();
  }

  @Override
  public Optional<Precision> residentPrecision() {
    return Optional.empty();
  }

  @Override
  public String whyFloat32() {
    String plain = Backend.super.whyFloat32();
    return found == null ? plain : plain + ": " + found.problem();
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
      CpuForwardKernels forward = kernels.forward().get();
      bfloat = rounds() ? new BfloatLinear(found.library(), forward) : null;
      operations = CpuOperations.checked(forward, workers, bfloat);
    }
    return operations;
  }

  @Override
  public synchronized void close() {
    closing.run();
    if (bfloat != null) {
      bfloat.close();
    }
  }
}
