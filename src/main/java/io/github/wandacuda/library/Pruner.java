package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.pruning.mask.MagnitudeThreshold;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.SharedWorkers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Prunes weight matrices in the caller's memory. Masks are the same to the bit as those of {@code
 * wanda-cuda prune}, on every device and for any number of threads.
 *
 * <pre>{@code
 * try (Pruner pruner = Pruner.open()) {
 *   WeightMatrix weight = WeightMatrix.of(segment, DType.BF16, rows, columns);
 *   PruneResult result =
 *       pruner.prune(weight, Criterion.wanda(inputNorms), new Sparsity.Ratio(0.5));
 * }
 * }</pre>
 *
 * <p>Any thread may call, and calls run side by side. The calling thread works itself; helpers from
 * the executor join it where they have time, so a busy executor makes a call slower and never holds
 * it up. A matrix of up to 256 KiB is pruned by the calling thread alone, as is one in memory that
 * is confined to that thread.
 *
 * <p>What a call is given is checked before the first byte changes. Beyond that a call may fail for
 * the weights themselves ({@link io.github.wandacuda.NonFiniteWeightException}, see {@link
 * PruneOptions#withWeightsChecked}), because it is cancelled, for a device that fails ({@link
 * IllegalStateException}), or because the memory is taken away meanwhile; the matrix may then be
 * pruned in part, always by whole rows.
 */
public final class Pruner implements AutoCloseable {
  private final OpenBackend open;

  /** Prunes on an open backend. */
  Pruner(OpenBackend open) {
    this.open = open;
  }

  /**
   * Opens the first GPU that can be used, else the CPU, with all processors.
   *
   * @return an open pruner
   * @throws IllegalStateException if a device that seemed usable fails
   */
  public static Pruner open() {
    return builder().open();
  }

  /** {@return a builder for the first GPU that can be used, else the CPU, with all processors} */
  public static Builder builder() {
    return new Builder();
  }

  /** Chooses the device and the threads. */
  public static final class Builder {
    /** With the caller as many as feed a GPU at least. */
    private static final int FEWEST_HELPERS = 2;

    private static final long IDLE_SECONDS = 30;

    private String backend = Backends.AUTO;
    private int device;
    private int threads = Runtime.getRuntime().availableProcessors();
    private Executor executor;

    private Builder() {}

    /**
     * Chooses the backend.
     *
     * @param name {@code cpu}, {@code cuda}, {@code opencl}, or {@code auto} for the first that has
     *     a GPU, else the CPU
     * @return this
     */
    public Builder backend(String name) {
      backend = Objects.requireNonNull(name, "name");
      return this;
    }

    /**
     * Chooses the device.
     *
     * @param index its number within its backend
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    public Builder device(int index) {
      if (index < 0) {
        throw new IllegalArgumentException(
            "device: expected a number of at least 0, found " + index);
      }
      device = index;
      return this;
    }

    /**
     * Sets how many threads work on a call at most, the calling one included. A GPU is fed by three
     * to eight, whatever is set.
     *
     * @param count how many, 1 or more
     * @return this
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder threads(int count) {
      if (count < 1) {
        throw new IllegalArgumentException("threads: expected at least 1, found " + count);
      }
      threads = count;
      return this;
    }

    /**
     * Sets whose threads help the calling ones; by default daemon threads of the pruner's own.
     *
     * @param executor stays the caller's; may be busy or shut down, and may reject work
     * @return this
     */
    public Builder executor(Executor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Opens the device.
     *
     * @return an open pruner
     * @throws IllegalArgumentException if there is no such backend
     * @throws IllegalStateException if it has no such device, or the device can't be used; the
     *     message says why
     */
    public Pruner open() {
      if (executor != null) {
        return new Pruner(open(executor, () -> {}));
      }
      ExecutorService helpers = helpers(Math.max(FEWEST_HELPERS, threads - 1));
      return new Pruner(open(helpers, helpers::shutdown));
    }

    /**
     * Returns daemon threads for callers who brought no executor, which start when first needed.
     */
    private static ExecutorService helpers(int count) {
      AtomicInteger number = new AtomicInteger();
      ThreadPoolExecutor helpers =
          new ThreadPoolExecutor(
              count,
              count,
              IDLE_SECONDS,
              TimeUnit.SECONDS,
              new LinkedBlockingQueue<>(),
              work ->
                  Thread.ofPlatform()
                      .daemon()
                      .name("wanda-cuda-helper-" + number.incrementAndGet())
                      .unstarted(work));
      helpers.allowCoreThreadTimeOut(true);
      return helpers;
    }

    private OpenBackend open(Executor helpers, Runnable closing) {
      try {
        Backend opened =
            Backends.open(backend, device, new SharedWorkers(threads, helpers)).backend();
        return new OpenBackend(opened, helpers, closing);
      } catch (UsageException e) {
        throw new IllegalArgumentException(e.getMessage(), e);
      } catch (BackendUnavailableException e) {
        throw new IllegalStateException(e.getMessage(), e);
      }
    }
  }

  /** {@return all devices of all backends, those that can't be used included} */
  public static List<DeviceInfo> devices() {
    return Backends.providers().stream()
        .flatMap(
            provider ->
                provider.listing().stream()
                    .map(
                        device ->
                            new DeviceInfo(
                                provider.name(),
                                device.index(),
                                device.name(),
                                device.usable(),
                                device.reason())))
        .toList();
  }

  /** {@return the name of the backend} */
  public String backend() {
    return open.backend.name();
  }

  /** {@return the device's name, for people} */
  public String device() {
    return open.backend.device();
  }

  /**
   * Prunes a matrix in place with {@link PruneOptions#DEFAULT}.
   *
   * @param weight [out_features, in_features], changed in place
   * @param criterion how weights are scored
   * @param sparsity how much goes
   * @return the result
   * @see #prune(WeightMatrix, Criterion, Sparsity, PruneOptions)
   */
  public PruneResult prune(WeightMatrix weight, Criterion criterion, Sparsity sparsity) {
    return prune(weight, criterion, sparsity, PruneOptions.DEFAULT);
  }

  /**
   * Prunes a matrix in place. In each row the floor(columns * fraction) lowest scores go, or in
   * each group of M consecutive columns the N lowest; of equal scores the lower column goes first.
   * By magnitude and a fraction, every |W| goes up to the one at index floor(elements * fraction)
   * of the sorted magnitudes of the whole matrix. Pruned weights become +0.0, all others keep their
   * bits.
   *
   * @param weight [out_features, in_features]
   * @param criterion how weights are scored
   * @param sparsity how much goes
   * @param options what else is asked for
   * @return the result
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if sizes, norms and pattern don't fit each other; all norms
   *     are zero and that is rejected; memory is read-only; or the mask's memory overlaps the
   *     matrix
   * @throws IllegalStateException if memory or this pruner is closed, or the device fails
   * @throws WrongThreadException if memory is confined to another thread
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite; rows may
   *     be pruned by then unless the options have weights checked first
   * @throws CancellationException if the calling thread is interrupted, which it stays, or the
   *     options' cancellation says so; the message says how many rows are pruned
   */
  public PruneResult prune(
      WeightMatrix weight, Criterion criterion, Sparsity sparsity, PruneOptions options) {
    return run(MatrixRequest.inPlace(weight, criterion, sparsity, options));
  }

  /**
   * Prunes a matrix into another one, and leaves the source as it is. It fails as {@linkplain
   * #prune(WeightMatrix, Criterion, Sparsity, PruneOptions) pruning in place} does.
   *
   * @param source [out_features, in_features]; may be read-only
   * @param destination of the same type and shape; the source itself, or apart from it
   * @param criterion how weights are scored
   * @param sparsity how much goes
   * @param options what else is asked for
   * @return the result
   * @throws IllegalArgumentException also if type and shape differ, or source and destination
   *     overlap without being the same
   */
  public PruneResult prune(
      WeightMatrix source,
      WeightMatrix destination,
      Criterion criterion,
      Sparsity sparsity,
      PruneOptions options) {
    return run(MatrixRequest.into(source, destination, criterion, sparsity, options));
  }

  /**
   * Writes the mask that pruning would use, and leaves the matrix as it is. It fails as {@linkplain
   * #prune(WeightMatrix, Criterion, Sparsity, PruneOptions) pruning in place} does.
   *
   * @param mask of the same shape, overwritten
   * @param weight [out_features, in_features]; may be read-only
   * @param criterion how weights are scored
   * @param sparsity how much goes
   * @param options what else is asked for
   * @return the counts of the pruned matrix that isn't made
   * @throws IllegalArgumentException also if the options have another mask
   */
  public PruneResult mask(
      WeightMatrix weight,
      Mask mask,
      Criterion criterion,
      Sparsity sparsity,
      PruneOptions options) {
    return run(MatrixRequest.maskOnly(weight, mask, criterion, sparsity, options));
  }

  /**
   * Prunes a matrix in this pruner's device's memory, where it lies. The work begins after what the
   * matrix's queue had been given before, and is done when the call returns. Masks are on the host.
   * It fails as {@linkplain #prune(WeightMatrix, Criterion, Sparsity, PruneOptions) pruning in
   * place} does.
   *
   * @param weight [out_features, in_features]; nothing else may write to it meanwhile
   * @param criterion how weights are scored
   * @param sparsity how much goes
   * @param options what else is asked for
   * @return the result
   * @throws UnsupportedOperationException if this pruner's backend has no such memory
   * @throws IllegalArgumentException also if the matrix isn't inside of a piece of this device's
   *     memory, or its memory or queue is of another context than it has to be: with CUDA the
   *     device's primary one, with OpenCL one for both
   * @throws io.github.wandacuda.NonFiniteWeightException with a value of NaN where the weight was
   *     pruned before it was found
   */
  public PruneResult prune(
      DeviceMatrix weight, Criterion criterion, Sparsity sparsity, PruneOptions options) {
    DeviceRun run = new DeviceRun(weight, criterion, sparsity, options);
    return using(() -> run.run(open.backend.deviceSelector()));
  }

  /** Returns backend and device. */
  @Override
  public String toString() {
    return "Pruner[%s: %s]".formatted(backend(), device());
  }

  private PruneResult run(MatrixRequest request) {
    return using(() -> new MatrixRun(request, open.backend, open.workers).run());
  }

  private PruneResult using(Supplier<PruneResult> work) {
    open.enter();
    try {
      return work.get();
    } catch (WandaException e) {
      throw new IllegalStateException(e.getMessage(), e);
    } finally {
      open.leave();
    }
  }

  /**
   * {@return sums of squares, all zero, for the input columns of a linear layer} They use this
   * pruner's device until they are closed, one of them at a time.
   *
   * @param columns input features
   * @throws IllegalArgumentException if {@code columns} is negative
   * @throws IllegalStateException if this pruner is closed, or the device fails
   */
  public ColumnNorms columnNorms(int columns) {
    return ColumnNorms.on(open, columns);
  }

  /**
   * Lets no more calls begin. Those under way are finished, and the device is given back when the
   * last of them ends and all {@link ColumnNorms} are closed. A second call does nothing.
   */
  @Override
  public void close() {
    open.close();
  }

  /** One call under way on a matrix in device memory, by the calling thread alone. */
  private static final class DeviceRun {
    private final DeviceMatrix weight;
    private final Scoring scoring;
    private final PruneOptions options;
    private final MemorySegment mask;
    private long rowsDone;

    /** Checks a call, but for the memory itself. */
    DeviceRun(DeviceMatrix weight, Criterion criterion, Sparsity sparsity, PruneOptions options) {
      this.weight = Objects.requireNonNull(weight, "weight");
      scoring = Scoring.of(criterion, sparsity, options);
      this.options = options;
      scoring.check(weight.columns());
      if (options.mask() != null) {
        Memory.requireMask(options.mask(), weight.rows(), weight.columns());
      }
      mask = options.mask() == null ? null : options.mask().bits();
    }

    PruneResult run(DeviceSelector selector) {
      try {
        requireWanted();
        if (options.weightsChecked()) {
          selector.requireFinite(weight);
        }
        SelectionRule rule =
            scoring.rule(
                weight.columns(),
                weight.elements(),
                index -> MagnitudeThreshold.at(index, selector, weight));
        Selection found = selector.select(weight, scoring.norms(), rule, mask, this::count);
        return new PruneResult(weight.rows(), weight.columns(), found.pruned(), found.zeros());
      } catch (CancelledException e) {
        CancellationException cancelled =
            new CancellationException(
                "cancelled: %d of %d rows are pruned, the others are as they were"
                    .formatted(rowsDone, weight.rows()));
        cancelled.initCause(e);
        throw cancelled;
      }
    }

    private void count(long rows) {
      rowsDone = rows;
      if (options.progress() != null) {
        options.progress().rowsDone(rows, weight.rows());
      }
      if (rows < weight.rows()) {
        requireWanted();
      }
    }

    private void requireWanted() {
      boolean given = options.cancellation() != null && options.cancellation().getAsBoolean();
      if (given || Thread.currentThread().isInterrupted()) {
        throw new CancelledException();
      }
    }
  }
}
