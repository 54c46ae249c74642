package io.github.wandacuda.simd;

import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** One object for each worker, such as its buffers, kept from call to call. */
final class WorkerLocal<T> {
  private final Supplier<T> maker;
  private final List<T> made = new ArrayList<>();

  /**
   * Creates no object yet.
   *
   * @param maker creates the object of a worker
   */
  public WorkerLocal(Supplier<T> maker) {
    this.maker = maker;
  }

  /** Creates the objects that are missing. To be called by one thread, before the workers begin. */
  public void prepare(WorkerPool workers) {
    while (made.size() < workers.count()) {
      made.add(maker.get());
    }
  }

  /** Returns a worker's object, which {@link #prepare} has created. */
  public T of(int worker) {
    return made.get(worker);
  }
}
