package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import java.util.function.Consumer;

/**
 * Attention of a sequence's last queries, for the kernels {@code kernels/forward/attention_rows}. A
 * place is a query and a head; the kernels keep scores and partial sums of each place in device
 * memory from one kernel to the next.
 */
final class AttentionPlaces {
  private static final int RUN = 256;

  /**
   * The most device memory for the scores and sums of places; more places are computed in parts.
   */
  private static final long MOST_BYTES = 64L << 20;

  /**
   * The most places of a part: each is a block in the second dimension of a launch, where CUDA
   * takes 65,535 at most.
   */
  private static final int MOST_PLACES = 32_768;

  private AttentionPlaces() {}

  /**
   * Places that are computed in one go, and the memory for what the kernels keep of them.
   *
   * @param first the number of the first place; place {@code query * heads + head} is a query's
   *     head
   * @param count how many places
   * @param scores float32 [count, sequenceLength]
   * @param sums float32 [count], the sums of the exponentials
   * @param chains float32 [count, runs, headSize], the weighted values of each run of keys
   */
  record Part(
      int first, int count, DevicePointer scores, DevicePointer sums, DevicePointer chains) {
    /**
     * Returns the kernels' arguments. The last one, the count, is for OpenCL; CUDA's kernels ignore
     * it, since their grid has as many blocks.
     */
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

  /** Returns the arguments of the kernels that compute whole sequences. */
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

  /**
   * Returns how many runs of 256 keys a sequence has; the last may be shorter. A run's values are
   * added up one after the other, and then the runs.
   */
  static int runs(AttentionShape shape) {
    return Math.ceilDiv(shape.sequenceLength(), RUN);
  }

  /**
   * Queues work on all places, part by part.
   *
   * @param of the operands, whose queries are the last ones of a sequence
   * @param memory grows to what a part needs; parts use the same memory one after the other
   * @param work queues the kernels of a part
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
