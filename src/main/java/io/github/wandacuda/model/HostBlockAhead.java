package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.system.Rethrow;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A block's weights, of which some are read ahead to host memory. */
final class HostBlockAhead implements BlockAhead {
  /**
   * What is read ahead at most: a block of seven billion parameters isn't read ahead as a whole.
   */
  private static final long MOST_BYTES = 256L << 20;

  private final int index;
  private final Arrival arrival = new Arrival(Map.of());
  private final AheadThread thread;
  private boolean taken;

  private HostBlockAhead(int index, List<Checkpoint.Entry> entries) {
    this.index = index;
    thread = new AheadThread(reads(entries));
  }

  /** Begins to read a block's weights, as far as they are there. */
  static HostBlockAhead begin(DecoderTensors from, BlockDescription block, int index) {
    return new HostBlockAhead(
        index, block.linears().flatMap(linear -> from.stored(linear).stream()).toList());
  }

  /**
   * Allocates memory for the first tensors, and returns what reads them. That isn't left to the
   * thread, since the C library keeps what a thread that has ended had allocated.
   */
  private List<Runnable> reads(List<Checkpoint.Entry> entries) {
    List<Runnable> reads = new ArrayList<>();
    long bytes = 0;
    for (Checkpoint.Entry entry : entries) {
      bytes += entry.info().bytes();
      if (bytes > MOST_BYTES) {
        break;
      }
      MemorySegment memory = arrival.add(entry.info());
      reads.add(() -> entry.shard().read(entry.info(), 0, memory));
    }
    return reads;
  }

  @Override
  public int index() {
    return index;
  }

  /**
   * {@inheritDoc}
   *
   * @throws RuntimeException what reading threw
   */
  @Override
  public Arrival take() {
    thread.await().ifPresent(Rethrow::unchecked);
    taken = true;
    return arrival;
  }

  @Override
  public void close() {
    thread.close();
    if (!taken) {
      arrival.close();
    }
  }
}
