package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.AttentionPlaces;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;

/**
 * Launches {@code attention.cuh} for whole sequences and {@code attention_rows.cu} for a sequence's
 * last queries, with the CPU's bits.
 */
final class CudaAttention implements AutoCloseable {
  private static final String FILE = "attention_rows";
  private static final int THREADS = 256;

  /** Of a block that works on whole sequences. */
  private static final int SEQUENCE_THREADS = 128;

  /**
   * The most features of a head in the kernels of whole sequences; the last takes any, by blocks.
   */
  private static final int SMALL = 64;

  private static final int MEDIUM = 128;
  private static final int LARGE = 256;

  private final CudaQueue queue;
  private final GrowingBuffer memory;

  CudaAttention(CudaQueue queue) {
    this.queue = queue;
    memory = new GrowingBuffer(queue.device(), queue);
  }

  /** See {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#attention}. */
  void attention(AttentionOperands<DeviceRows> operands) {
    if (operands.shape().past() > 0) {
      rows(operands);
    } else {
      sequences(operands);
    }
  }

  private void sequences(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    int features = size <= SMALL ? SMALL : size <= MEDIUM ? MEDIUM : LARGE;
    int queries = features == LARGE ? 32 : 64;
    long heads = (long) operands.q().rows() / length * shape.heads();
    String name = "attention_" + features;
    queue.launch(
        queue.device().function(name, name),
        new Grid(
            Math.toIntExact(heads * Math.ceilDiv(length, queries)),
            Math.ceilDiv(size, features),
            1),
        SEQUENCE_THREADS,
        0,
        operands.q().data(),
        operands.k().data(),
        operands.v().data(),
        operands.keyBias() == null ? null : operands.keyBias().data(),
        operands.out().data(),
        length,
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        size,
        shape.window() == 0 ? length : Math.min(shape.window(), length),
        shape.scale(),
        shape.softcap());
  }

  private void rows(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    AttentionPlaces.forEachPart(
        operands.q().rows(),
        shape,
        memory,
        part -> {
          int places = part.count();
          int size = shape.headSize();
          int length = shape.sequenceLength();
          Object[] arguments = {
            operands.q().data(),
            operands.k().data(),
            operands.v().data(),
            operands.keyBias() == null ? null : operands.keyBias().data(),
            operands.out().data(),
            part.scores(),
            part.sums(),
            part.chains(),
            part.first(),
            shape.queries(),
            length,
            shape.past(),
            shape.heads(),
            shape.heads() / shape.keyValueHeads(),
            size,
            shape.window() == 0 ? length : Math.min(shape.window(), length),
            shape.scale(),
            shape.softcap()
          };
          launch("attention_row_scores", new Grid(blocks(length), places, 1), arguments);
          launch("attention_row_softmax", new Grid(places, 1, 1), arguments);
          long chains = AttentionPlaces.runs(shape) * (long) size;
          launch("attention_row_values", new Grid(blocks(chains), places, 1), arguments);
          launch("attention_row_sums", new Grid(blocks(size), places, 1), arguments);
        });
  }

  private static int blocks(long threads) {
    return Math.toIntExact(Math.ceilDiv(threads, THREADS));
  }

  private void launch(String kernel, Grid grid, Object... arguments) {
    queue.launch(queue.device().function(FILE, kernel), grid, THREADS, 0, arguments);
  }

  @Override
  public void close() {
    memory.close();
  }
}
