package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.AttentionShape;
import java.util.function.Consumer;

/**
 * The places, each a query and a head, of attention of a sequence's last queries, and the device
 * memory for what {@code kernels/forward/attention_rows} keeps of them from kernel to kernel.
 */
public final class AttentionPlaces {
  private static final int RUN = 256;

  /** The most memory for a part; more places are computed in parts. */
  private static final long MOST_BYTES = 64L << 20;

  /** The most places of a part: blocks of a launch's second dimension on CUDA. */
  private static final int MOST_PLACES = 32_768;

  private AttentionPlaces() {}

  /**
   * Some places.
   *
   * @param scores float32 [count, sequenceLength]
   * @param sums float32 [count]
   * @param chains float32 [count, runs, headSize]
   */
  public record Part(
      int first, int count, DevicePointer scores, DevicePointer sums, DevicePointer chains) {}

  /** Returns the runs of 256 keys of a sequence. */
  public static int runs(AttentionShape shape) {
    return Math.ceilDiv(shape.sequenceLength(), RUN);
  }

  /**
   * Queues work on all places, part by part.
   *
   * @param queries rows of queries
   * @param memory grows to what a part needs
   */
  public static void forEachPart(
      int queries, AttentionShape shape, GrowingBuffer memory, Consumer<Part> work) {
    int places = Math.multiplyExact(queries, shape.heads());
    long scores = shape.sequenceLength();
    long chains = (long) runs(shape) * shape.headSize();
    long bytes = (scores + 1 + chains) * Float.BYTES;
    int most = (int) Math.clamp(MOST_BYTES / bytes, 1, MOST_PLACES);
    for (int first = 0; first < places; first += most) {
      int count = Math.min(most, places - first);
      DevicePointer start = memory.atLeast(count * bytes);
      DevicePointer sums = start.plus(count * scores * Float.BYTES);
      work.accept(new Part(first, count, start, sums, sums.plus((long) count * Float.BYTES)));
    }
  }
}
