package io.github.wandacuda.simd;

import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** An object for each worker, such as its buffers, which is kept from call to call. */
final class WorkerLocal<T> {
  private final Supplier<T> maker;
  private final List<T> made = new ArrayList<>();

  /** Makes none yet. */
  public WorkerLocal(Supplier<T> maker) {
    this.maker = maker;
  }

  /** Makes the missing objects, before the workers begin. */
  public void prepare(WorkerPool workers) {
    while (made.size() < workers.count()) {
      made.add(maker.get());
    }
  }

  public T of(int worker) {
    return made.get(worker);
  }
}
