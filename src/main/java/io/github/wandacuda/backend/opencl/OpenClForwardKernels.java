package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.ForwardKernels;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import java.util.Locale;

/**
 * Launches the kernels of the forward pass. All but attention give the CPU's bits, on devices that
 * round quotients and roots as IEEE 754 does.
 */
final class OpenClForwardKernels implements ForwardKernels, AutoCloseable {
  private static final int GROUP = DeviceFacts.WORK_GROUP;

  /** Work-items of a group in each of two dimensions. */
  private static final int SIDE = 16;

  /** Groups in dimension 1 that every device takes. */
  private static final int MOST_ROWS = 1 << 15;

  /** Tokens whose squares a work-item adds up. */
  private static final int SQUARES_BLOCK = 256;

  private static final String ELEMENTWISE = "elementwise.cl";
  private static final String GATHER = "gather.cl";
  private static final String SQUARES = "column_squares.cl";

  private final OpenClQueue queue;
  private final MatrixKernels matrices;
  private final GrowingBuffer partials;

  OpenClForwardKernels(OpenClQueue queue) {
    this(queue, MatrixKernels.of(queue));
  }

  OpenClForwardKernels(OpenClQueue queue, MatrixKernels matrices) {
    this.queue = queue;
    this.matrices = matrices;
    this.partials = new GrowingBuffer(queue.device(), queue);
  }

  private OpenClKernel kernel(String file, String name) {
    return queue.device().kernel(file, name, "");
  }

  private OpenClKernel kernel(Activation activation, String name) {
    String function = activation.name().toLowerCase(Locale.ROOT);
    return queue.device().kernel("activate.cl", name, "-D ACTIVATION=" + function);
  }

  private static long up(long count, int multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  private static boolean isEmpty(DeviceMatrix matrix) {
    return matrix.rows() == 0 || matrix.columns() == 0;
  }

  private static long elements(DeviceMatrix matrix) {
    return (long) matrix.rows() * matrix.columns();
  }

  /** Queues a kernel with a work-item for each of {@code count} elements. */
  private void launchFlat(OpenClKernel kernel, long count, Object... arguments) {
    queue.launch(kernel, new long[] {up(count, GROUP)}, new long[] {GROUP}, arguments);
  }

  /** Queues a kernel with a work-item for each column, and rows in dimension 1. */
  private void launchColumns(OpenClKernel kernel, int columns, int rows, Object... arguments) {
    queue.launch(kernel, new long[] {up(columns, GROUP), rows}, new long[] {GROUP, 1}, arguments);
  }

  /** Queues a kernel whose groups take 16 rows each. */
  private void launchRows(OpenClKernel kernel, int rows, Object... arguments) {
    queue.launch(kernel, new long[] {SIDE, up(rows, SIDE)}, new long[] {SIDE, SIDE}, arguments);
  }

  @Override
  public void embed(DeviceMatrix table, DevicePointer tokens, DeviceMatrix out) {
    if (isEmpty(out)) {
      return;
    }
    launchColumns(
        queue.device().kernel("embed.cl", "embed", MatrixKernels.weightOption(table.dtype())),
        out.columns(),
        Math.min(out.rows(), MOST_ROWS),
        table.data(),
        table.stride(),
        tokens,
        out.data(),
        out.rows(),
        out.columns());
  }

  @Override
  public void rmsNorm(DeviceMatrix x, DevicePointer gain, float epsilon, DeviceMatrix out) {
    if (isEmpty(x)) {
      return;
    }
    launchRows(
        kernel("rms_norm.cl", "rms_norm"),
        x.rows(),
        x.data(),
        gain,
        epsilon,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public void layerNorm(
      DeviceMatrix x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceMatrix out) {
    if (isEmpty(x)) {
      return;
    }
    launchRows(
        kernel("layer_norm.cl", "layer_norm"),
        x.rows(),
        x.data(),
        gain,
        bias,
        epsilon,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out) {
    if (!isEmpty(out)) {
      matrices.linear(x, w, bias, out);
    }
  }

  @Override
  public void rotate(DeviceMatrix x, int headSize, DeviceMatrix cos, DeviceMatrix sin) {
    if (isEmpty(x)) {
      return;
    }
    int pairs = cos.columns();
    launchColumns(
        kernel(ELEMENTWISE, "rotate_pairs"),
        x.columns() / headSize * pairs,
        Math.min(x.rows(), MOST_ROWS),
        x.data(),
        cos.data(),
        sin.data(),
        x.rows(),
        x.columns(),
        headSize,
        pairs,
        cos.rows());
  }

  @Override
  public void attention(
      DeviceMatrix q,
      DeviceMatrix k,
      DeviceMatrix v,
      AttentionShape shape,
      DeviceMatrix keyBias,
      DeviceMatrix out) {
    if (!isEmpty(out)) {
      matrices.attention(q, k, v, shape, keyBias, out);
    }
  }

  @Override
  public void activate(Activation activation, DeviceMatrix x, DeviceMatrix out) {
    if (isEmpty(out)) {
      return;
    }
    long count = elements(out);
    launchFlat(kernel(activation, "activate"), count, x.data(), out.data(), count);
  }

  @Override
  public void gate(Activation activation, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix out) {
    if (isEmpty(out)) {
      return;
    }
    long count = elements(out);
    launchFlat(
        kernel(activation, "gate_multiply"), count, gate.data(), up.data(), out.data(), count);
  }

  @Override
  public void add(DeviceMatrix x, DeviceMatrix y) {
    if (isEmpty(x)) {
      return;
    }
    long count = elements(x);
    launchFlat(kernel(ELEMENTWISE, "add"), count, x.data(), y.data(), count);
  }

  @Override
  public void scale(DeviceMatrix x, float factor) {
    inPlace("scale", x, factor);
  }

  @Override
  public void softcap(DeviceMatrix x, float cap) {
    inPlace("softcap", x, cap);
  }

  private void inPlace(String name, DeviceMatrix x, float parameter) {
    if (isEmpty(x)) {
      return;
    }
    long count = elements(x);
    launchFlat(kernel(ELEMENTWISE, name), count, x.data(), parameter, count);
  }

  @Override
  public void gatherColumns(
      DeviceMatrix source, int offset, int width, int stride, DeviceMatrix out) {
    if (isEmpty(out)) {
      return;
    }
    launchColumns(
        kernel(GATHER, "gather_columns"),
        out.columns(),
        Math.min(out.rows(), MOST_ROWS),
        source.data(),
        source.columns(),
        offset,
        width,
        stride,
        out.data(),
        out.rows(),
        out.columns());
  }

  @Override
  public void route(
      DeviceMatrix logits,
      int k,
      boolean renormalize,
      DevicePointer experts,
      DevicePointer weights) {
    if (isEmpty(logits)) {
      return;
    }
    launchRows(
        kernel("route.cl", "route"),
        logits.rows(),
        logits.data(),
        k,
        renormalize ? 1 : 0,
        experts,
        weights,
        logits.rows(),
        logits.columns());
  }

  @Override
  public void gatherRows(DeviceMatrix x, DevicePointer rows, DeviceMatrix out) {
    if (isEmpty(out)) {
      return;
    }
    launchColumns(
        kernel(GATHER, "gather_rows"),
        out.columns(),
        Math.min(out.rows(), MOST_ROWS),
        x.data(),
        rows,
        out.data(),
        out.rows(),
        out.columns());
  }

  @Override
  public void addRows(DeviceMatrix x, DevicePointer rows, DevicePointer factors, DeviceMatrix out) {
    if (isEmpty(x)) {
      return;
    }
    launchColumns(
        kernel(GATHER, "add_rows"),
        x.columns(),
        Math.min(x.rows(), MOST_ROWS),
        x.data(),
        rows,
        factors,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return 2L * columns * Float.BYTES;
  }

  @Override
  public void columnSquares(DeviceMatrix x, DevicePointer state) {
    if (isEmpty(x)) {
      return;
    }
    int blocks = Math.ceilDiv(x.rows(), SQUARES_BLOCK);
    DevicePointer sums = partials.atLeast(blocks * columnSquaresBytes(x.columns()));
    launchColumns(
        kernel(SQUARES, "square_blocks"),
        x.columns(),
        blocks,
        x.data(),
        sums,
        x.rows(),
        x.columns());
    launchFlat(kernel(SQUARES, "add_blocks"), x.columns(), sums, blocks, state, x.columns());
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    if (columns > 0) {
      launchFlat(kernel(SQUARES, "copy_sums"), 2L * columns, state, sums, 2L * columns);
    }
  }

  @Override
  public void crossEntropy(DeviceMatrix logits, DevicePointer targets, DevicePointer losses) {
    if (isEmpty(logits)) {
      return;
    }
    launchRows(
        kernel("cross_entropy.cl", "cross_entropy"),
        logits.rows(),
        logits.data(),
        targets,
        losses,
        logits.rows(),
        logits.columns());
  }

  @Override
  public void close() {
    partials.close();
  }
}
