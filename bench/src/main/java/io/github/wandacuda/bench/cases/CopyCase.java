package io.github.wandacuda.bench.cases;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Copies matrices, each thread a share of the rows: what a selection can't be faster than. */
public final class CopyCase implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Rotation sources;
  private final Rotation destinations;
  private final Workers workers;
  private int turn;

  /** Prepares copies of matrices, in turns; they stay the caller's. */
  public CopyCase(Rotation sources, int threads) {
    this.sources = sources;
    destinations = sources.zeros(arena);
    workers = new Workers(threads);
  }

  /** Copies once. */
  public void run() {
    turn++;
    WeightMatrix source = sources.at(turn);
    WeightMatrix destination = destinations.at(turn);
    int share = Math.ceilDiv(source.rows(), workers.count());
    workers.runRanges(
        source.rows(), share, (worker, from, to) -> copy(source, destination, from, to));
  }

  private static void copy(WeightMatrix source, WeightMatrix destination, int from, int to) {
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
    if (sources.at(turn).data().mismatch(destinations.at(turn).data()) >= 0) {
      throw new IllegalStateException("the copy differs");
    }
  }

  @Override
  public void close() {
    workers.close();
    arena.close();
  }
}
