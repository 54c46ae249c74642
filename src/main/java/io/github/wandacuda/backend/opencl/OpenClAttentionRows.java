package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.AttentionPlaces;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;

/** Launches {@code attention_rows.cl}: attention of a sequence's last queries. */
final class OpenClAttentionRows implements AutoCloseable {
  private final OpenClQueue queue;
  private final OpenClLaunches launches;
  private final GrowingBuffer memory;

  OpenClAttentionRows(OpenClQueue queue, OpenClLaunches launches) {
    this.queue = queue;
    this.launches = launches;
    memory = new GrowingBuffer(queue.device(), queue);
  }

  /** See {@link io.github.wandacuda.backend.gpu.GpuForwardKernels#attention}; there are queries. */
  void attention(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    int group = shape.heads() / shape.keyValueHeads();
    int window = shape.window() == 0 ? length : Math.min(shape.window(), length);
    DevicePointer bias = operands.keyBias() == null ? null : operands.keyBias().data();
    AttentionPlaces.forEachPart(
        operands.q().rows(),
        shape,
        memory,
        part -> {
          launches.columns(
              kernel("attention_row_scores"),
              length,
              part.count(),
              operands.q().data(),
              operands.k().data(),
              bias,
              part.scores(),
              part.first(),
              shape.queries(),
              length,
              shape.past(),
              shape.heads(),
              group,
              size,
              window,
              shape.scale(),
              shape.softcap());
          launches.rows(
              kernel("attention_row_softmax"),
              part.count(),
              part.scores(),
              part.sums(),
              part.first(),
              part.count(),
              shape.queries(),
              length,
              shape.past(),
              shape.heads(),
              window);
          launches.columns(
              kernel("attention_row_values"),
              AttentionPlaces.runs(shape) * size,
              part.count(),
              operands.v().data(),
              part.scores(),
              part.chains(),
              part.first(),
              shape.queries(),
              length,
              shape.past(),
              shape.heads(),
              group,
              size,
              window);
          launches.columns(
              kernel("attention_row_sums"),
              size,
              part.count(),
              part.chains(),
              part.sums(),
              operands.out().data(),
              part.first(),
              shape.queries(),
              length,
              shape.past(),
              shape.heads(),
              size,
              window);
        });
  }

  private OpenClKernel kernel(String name) {
    return queue.device().kernel("attention_rows.cl", name, "");
  }

  @Override
  public void close() {
    memory.close();
  }
}
