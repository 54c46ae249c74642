package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import java.util.Arrays;
import java.util.Optional;

/**
 * The kernels of the forward pass. Norms, attention, linear layers and cross-entropy add up in an
 * order of their own; everything else comes out to the CPU's bits.
 */
final class CudaForwardKernels implements GpuForwardKernels, AutoCloseable {
  private static final int ROW_THREADS = 256;
  private static final int LOSS_THREADS = 512;

  /** Of the choice of experts, which gives half a warp to a token. */
  private static final int ROUTE_THREADS = 128;

  private static final int ROUTED_TOKENS = 8;

  /** What a block has without asking, less more than what it needs beside a row. */
  private static final int ROW_BYTES = 47 << 10;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final CudaLinear linear;
  private final CudaElements elements;
  private final CudaColumnSquares squares;

  CudaForwardKernels(CudaQueue queue) {
    this(queue, CublasLinear.open(queue));
  }

  /**
   * Queues kernels.
   *
   * @param cublas multiplies matrices of 16 bits, if it is there; closed with this
   */
  CudaForwardKernels(CudaQueue queue, Optional<CublasLinear> cublas) {
    this.queue = queue;
    device = queue.device();
    linear = new CudaLinear(queue, cublas);
    elements = new CudaElements(queue);
    squares = new CudaColumnSquares(queue);
  }

  @Override
  public void embed(DeviceMatrix table, DevicePointer tokens, DeviceMatrix out) {
    forEachRow(
        device.function("embed", KernelNames.of("embed", table.dtype())),
        out,
        table.data(),
        table.stride(),
        tokens,
        out.data(),
        out.columns());
  }

  @Override
  public void rmsNorm(DeviceMatrix x, DevicePointer gain, float epsilon, DeviceMatrix out) {
    normalize("rms_norm", x, x.data(), gain, epsilon, out.data());
  }

  @Override
  public void layerNorm(
      DeviceMatrix x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceMatrix out) {
    normalize("layer_norm", x, x.data(), gain, bias, epsilon, out.data());
  }

  /** Launches a kernel that keeps rows in shared memory, where they fit, and says so last. */
  private void normalize(String name, DeviceMatrix rows, Object... others) {
    if (isEmpty(rows)) {
      return;
    }
    long rowBytes = (long) rows.columns() * Float.BYTES;
    int cached = rowBytes <= ROW_BYTES ? 1 : 0;
    Object[] arguments = Arrays.copyOf(others, others.length + 2);
    arguments[others.length] = rows.columns();
    arguments[others.length + 1] = cached;
    queue.launch(
        device.function(name, name),
        LaunchShape.blocks(rows.rows()),
        LaunchShape.rowThreads(rows.columns(), ROW_THREADS),
        cached * (int) rowBytes,
        arguments);
  }

  @Override
  public void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public void rotate(DeviceMatrix x, int headSize, DeviceMatrix cos, DeviceMatrix sin) {
    forEachRow(
        device.function("rotate", "rotate_pairs"),
        x,
        x.data(),
        x.columns() / headSize,
        headSize,
        cos.columns(),
        cos.data(),
        sin.data(),
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
    if (!isEmpty(q)) {
      AttentionVariant.of(shape.headSize()).launch(queue, q, k, v, shape, keyBias, out);
    }
  }

  @Override
  public void activate(Activation activation, DeviceMatrix x, DeviceMatrix out) {
    elements.activate(activation, x, out);
  }

  @Override
  public void gate(Activation activation, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix out) {
    elements.gate(activation, gate, up, out);
  }

  @Override
  public void add(DeviceMatrix x, DeviceMatrix y) {
    elements.add(x, y);
  }

  @Override
  public void scale(DeviceMatrix x, float factor) {
    elements.scale(x, factor);
  }

  @Override
  public void softcap(DeviceMatrix x, float cap) {
    elements.softcap(x, cap);
  }

  @Override
  public void gatherColumns(
      DeviceMatrix source, int offset, int width, int stride, DeviceMatrix out) {
    forEachRow(
        device.function("gather_columns", "gather_columns"),
        out,
        source.data(),
        source.columns(),
        offset,
        width,
        stride,
        out.data(),
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
    queue.launch(
        device.function("route", "route"),
        LaunchShape.blocks(Math.ceilDiv(logits.rows(), ROUTED_TOKENS)),
        ROUTE_THREADS,
        0,
        logits.data(),
        logits.rows(),
        logits.columns(),
        k,
        renormalize ? 1 : 0,
        experts,
        weights);
  }

  @Override
  public void gatherRows(DeviceMatrix x, DevicePointer rows, DeviceMatrix out) {
    forEachRow(
        device.function("expert_rows", "gather_rows"),
        out,
        x.data(),
        rows,
        out.data(),
        out.columns());
  }

  @Override
  public void addRows(DeviceMatrix x, DevicePointer rows, DevicePointer factors, DeviceMatrix out) {
    forEachRow(
        device.function("expert_rows", "add_rows"),
        x,
        x.data(),
        rows,
        factors,
        out.data(),
        out.columns());
  }

  private void forEachRow(CudaFunction function, DeviceMatrix rows, Object... arguments) {
    if (!isEmpty(rows)) {
      int threads = LaunchShape.rowThreads(rows.columns(), ROW_THREADS);
      queue.launch(function, LaunchShape.blocks(rows.rows()), threads, 0, arguments);
    }
  }

  private static boolean isEmpty(DeviceMatrix matrix) {
    return matrix.rows() == 0 || matrix.columns() == 0;
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return (long) columns * Double.BYTES;
  }

  @Override
  public void columnSquares(DeviceMatrix x, DevicePointer state) {
    squares.add(x, state);
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    squares.write(state, columns, sums);
  }

  @Override
  public void crossEntropy(DeviceMatrix logits, DevicePointer targets, DevicePointer losses) {
    if (isEmpty(logits)) {
      return;
    }
    queue.launch(
        device.function("cross_entropy", "cross_entropy"),
        LaunchShape.blocks(logits.rows()),
        LaunchShape.rowThreads(logits.columns(), LOSS_THREADS),
        0,
        logits.data(),
        logits.columns(),
        targets,
        losses);
  }

  @Override
  public void close() {
    linear.close();
    squares.close();
  }
}
