package io.github.wandacuda.forward.simd;

import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Something that each worker has for itself and keeps from call to call: its buffers. */
final class WorkerLocal<T> {
  private final Supplier<T> maker;
  private final List<T> made = new ArrayList<>();

  WorkerLocal(Supplier<T> maker) {
    this.maker = maker;
  }

  /** Makes what is missing, before the workers begin. */
  void prepare(WorkerPool workers) {
    while (made.size() < workers.count()) {
      made.add(maker.get());
    }
  }

  T of(int worker) {
    return made.get(worker);
  }
}
