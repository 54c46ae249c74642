package io.github.wandacuda.bench.cases;

import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;

/** Copies a matrix, each thread a share of its rows: what a selection can't be faster than. */
public final class CopyCase implements AutoCloseable {
  private final WeightMatrix source;
  private final WeightMatrix destination;
  private final Workers workers;

  /** Prepares a copy between matrices of one shape, which stay the caller's. */
  public CopyCase(WeightMatrix source, WeightMatrix destination, int threads) {
    this.source = source;
    this.destination = destination;
    workers = new Workers(threads);
  }

  /** Copies once. */
  public void run() {
    int share = Math.ceilDiv(source.rows(), workers.count());
    workers.runRanges(source.rows(), share, (worker, from, to) -> copy(from, to));
  }

  private void copy(int from, int to) {
    long start = source.byteOffset(from, 0);
    MemorySegment.copy(
        source.data(), start, destination.data(), start, source.byteOffset(to, 0) - start);
  }

  /**
   * Copies once and compares.
   *
   * @throws IllegalStateException if the copy differs
   */
  public void check() {
    run();
    if (source.data().mismatch(destination.data()) >= 0) {
      throw new IllegalStateException("the copy differs");
    }
  }

  @Override
  public void close() {
    workers.close();
  }
}
