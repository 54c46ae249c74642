package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import java.util.function.Consumer;

/**
 * The places, each a query and a head, of attention of a sequence's last queries, and the device
 * memory for what {@code kernels/forward/attention_rows} keeps of them from kernel to kernel.
 */
final class AttentionPlaces {
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
  record Part(
      int first, int count, DevicePointer scores, DevicePointer sums, DevicePointer chains) {
    /** Returns the kernels' arguments; those of CUDA see the last one, the count, by their grid. */
    Object[] arguments(AttentionOperands<DeviceRows> of) {
      AttentionShape shape = of.shape();
      return GpuSelectKernels.joined(
          tensors(of),
          new Object[] {
            scores, sums, chains, first, shape.queries(), shape.sequenceLength(), shape.past()
          },
          sizes(shape),
          new Object[] {count});
    }
  }

  /** Returns the arguments of the kernels for whole sequences. */
  static Object[] arguments(AttentionOperands<DeviceRows> of) {
    Object[] length = {of.shape().sequenceLength()};
    return GpuSelectKernels.joined(tensors(of), length, sizes(of.shape()));
  }

  private static Object[] tensors(AttentionOperands<DeviceRows> of) {
    return new Object[] {
      of.q().data(),
      of.k().data(),
      of.v().data(),
      of.keyBias() == null ? null : of.keyBias().data(),
      of.sinks() == null ? null : of.sinks().data(),
      of.out().data()
    };
  }

  private static Object[] sizes(AttentionShape shape) {
    int length = shape.sequenceLength();
    return new Object[] {
      shape.heads(),
      shape.heads() / shape.keyValueHeads(),
      shape.headSize(),
      shape.window() == 0 ? length : Math.min(shape.window(), length),
      shape.scale(),
      shape.softcap()
    };
  }

  /** Returns the runs of 256 keys of a sequence. */
  static int runs(AttentionShape shape) {
    return Math.ceilDiv(shape.sequenceLength(), RUN);
  }

  /**
   * Queues work on all places, part by part.
   *
   * @param memory grows to what a part needs
   */
  static void forEachPart(
      AttentionOperands<DeviceRows> of, GrowingBuffer memory, Consumer<Part> work) {
    AttentionShape shape = of.shape();
    int places = Math.multiplyExact(of.q().rows(), shape.heads());
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
