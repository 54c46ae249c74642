package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.AttentionPlaces;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;

/**
 * Launches {@code attention_tiles.cl} or {@code attention_vectors.cl} for whole sequences, and
 * {@code attention_rows.cl} for a sequence's last queries.
 */
final class OpenClAttention implements AutoCloseable {
  /** Work-items of a tile's group in dimension 0. */
  private static final int SIDE = 16;

  /** Queries of a tile's work-item. */
  private static final int QUERIES = 4;

  /** Features of a head that one group of the tiled kernel computes. */
  private static final int HEAD_FEATURES = 256;

  private final OpenClQueue queue;
  private final MatrixVariant variant;
  private final GrowingBuffer memory;

  OpenClAttention(OpenClQueue queue, MatrixVariant variant) {
    this.queue = queue;
    this.variant = variant;
    memory = new GrowingBuffer(queue.device(), queue);
  }

  void attention(AttentionOperands<DeviceRows> operands) {
    if (operands.shape().past() > 0) {
      rows(operands);
    } else if (variant.tiles()) {
      tiles(operands);
    } else {
      vectors(operands);
    }
  }

  private void tiles(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int features = Math.min(shape.headSize(), HEAD_FEATURES);
    long parts = Math.ceilDiv(shape.headSize(), HEAD_FEATURES);
    String options =
        "-D PARTS=%d %s".formatted(Math.ceilDiv(features, SIDE), scoreOptions(operands));
    OpenClKernel kernel = queue.device().kernel("attention_tiles.cl", "attention_tiles", options);
    int down = kernel.items() / SIDE;
    long tiles = Math.ceilDiv(shape.sequenceLength(), QUERIES * down);
    queue.launch(
        kernel,
        new long[] {
          tiles * SIDE, shape.heads() * parts * down, operands.q().rows() / shape.sequenceLength()
        },
        new long[] {SIDE, down, 1},
        operands.q().data(),
        operands.k().data(),
        operands.v().data(),
        bias(operands),
        sinks(operands),
        operands.out().data(),
        shape.sequenceLength(),
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        shape.headSize(),
        shape.scale(),
        shape.softcap(),
        shape.window());
  }

  private void vectors(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    String options =
        "-D HEAD_SIZE=%d %s %s"
            .formatted(shape.headSize(), scoreOptions(operands), variant.vectorOptions());
    queue.launch(
        queue.device().single("attention_vectors.cl", "attention_vectors", options),
        new long[] {
          Math.ceilDiv(length, variant.panel()), shape.heads(), operands.q().rows() / length
        },
        new long[] {1, 1, 1},
        operands.q().data(),
        operands.k().data(),
        operands.v().data(),
        bias(operands),
        sinks(operands),
        operands.out().data(),
        length,
        shape.heads(),
        shape.heads() / shape.keyValueHeads(),
        shape.scale(),
        shape.softcap(),
        shape.window());
  }

  private static DevicePointer bias(AttentionOperands<DeviceRows> operands) {
    return operands.keyBias() == null ? null : operands.keyBias().data();
  }

  private static DevicePointer sinks(AttentionOperands<DeviceRows> operands) {
    return operands.sinks() == null ? null : operands.sinks().data();
  }

  /** Returns the compiler options for the scores: window, softcap and key bias. */
  private static String scoreOptions(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    // A window as long as the sequence hides nothing.
    boolean windowed = shape.window() > 0 && shape.window() < shape.sequenceLength();
    return "-D WINDOWED=%d -D BOUNDED=%d -D BIASED=%d"
        .formatted(
            windowed ? 1 : 0, shape.softcap() > 0 ? 1 : 0, operands.keyBias() == null ? 0 : 1);
  }

  private void rows(AttentionOperands<DeviceRows> operands) {
    AttentionShape shape = operands.shape();
    int length = shape.sequenceLength();
    int size = shape.headSize();
    int group = shape.heads() / shape.keyValueHeads();
    int window = shape.window() == 0 ? length : Math.min(shape.window(), length);
    DevicePointer bias = bias(operands);
    AttentionPlaces.forEachPart(
        operands.q().rows(),
        shape,
        memory,
        part -> {
          queue.columns(
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
          queue.rows(
              kernel("attention_row_softmax"),
              part.count(),
              sinks(operands),
              part.scores(),
              part.sums(),
              part.first(),
              part.count(),
              shape.queries(),
              length,
              shape.past(),
              shape.heads(),
              window);
          queue.columns(
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
          queue.columns(
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
