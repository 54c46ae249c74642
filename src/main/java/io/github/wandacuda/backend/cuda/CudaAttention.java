package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;

/**
 * The kernels of {@code kernels/forward/attention.cuh} and their launch, by the features of a head.
 */
enum CudaAttention {
  /** Up to 64 features. */
  SMALL(64, 64),
  /** Up to 128. */
  MEDIUM(128, 64),
  /** Any number of features, 256 for each block. */
  LARGE(256, 32);

  private static final int THREADS = 128;

  private final int features;
  private final int queries;

  CudaAttention(int features, int queries) {
    this.features = features;
    this.queries = queries;
  }

  /** Returns the kernel for a head size. */
  static CudaAttention of(int headSize) {
    for (CudaAttention variant : values()) {
      if (headSize <= variant.features) {
        return variant;
      }
    }
    return LARGE;
  }

  /** Queues the kernel for one or more whole sequences. */
  void launch(CudaQueue queue, AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    long heads = (long) operands.q().rows() / length * shape.heads();
    String name = "attention_" + features;
    queue.launch(
        queue.device().function(name, name),
        new Grid(
            Math.toIntExact(heads * Math.ceilDiv(length, queries)),
            Math.ceilDiv(shape.headSize(), features),
            1),
        THREADS,
        0,
        operands.q().data(),
        operands.k().data(),
        operands.v().data(),
        operands.keyBias() == null ? null : operands.keyBias().data(),
        operands.out().data(),
        length,
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        shape.headSize(),
        shape.window() == 0 ? length : Math.min(shape.window(), length),
        shape.scale(),
        shape.softcap());
  }
}
