package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.ForwardKernels;
import java.util.Optional;

/**
 * The kernels of the forward pass. Embeddings, sums and products of elements, rotations and column
 * squares come out to the CPU's bits.
 */
final class CudaForwardKernels implements ForwardKernels, AutoCloseable {
  private static final int ROW_THREADS = 256;
  private static final int LOSS_THREADS = 512;
  private static final int ELEMENT_THREADS = 256;

  /** Elements of a thread that does one thing to each: one pack. */
  private static final int ELEMENTS = 4;

  /** Blocks that keep a multiprocessor's memory requests coming. */
  private static final int BLOCKS_PER_MULTIPROCESSOR = 32;

  /** What a block has without asking, less more than what it needs beside a row. */
  private static final int ROW_BYTES = 47 << 10;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final CudaLinear linear;
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
    if (isEmpty(x)) {
      return;
    }
    long rowBytes = (long) x.columns() * Float.BYTES;
    int cached = rowBytes <= ROW_BYTES ? 1 : 0;
    queue.launch(
        device.function("rms_norm", "rms_norm"),
        LaunchShape.blocks(x.rows()),
        LaunchShape.rowThreads(x.columns(), ROW_THREADS),
        cached * (int) rowBytes,
        x.data(),
        gain,
        epsilon,
        out.data(),
        x.columns(),
        cached);
  }

  @Override
  public void linear(DeviceMatrix x, DeviceMatrix w, DevicePointer bias, DeviceMatrix out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public void rotate(DeviceMatrix x, int headSize, DeviceMatrix cos, DeviceMatrix sin) {
    if (2 * cos.columns() != headSize) {
      throw new UnsupportedOperationException("rotation of a part of each head");
    }
    forEachRow(
        device.function("rotate", "rotate"),
        x,
        x.data(),
        x.columns(),
        headSize / 2,
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
    if (shape.window() > 0 || shape.softcap() > 0 || keyBias != null) {
      throw new UnsupportedOperationException("attention with a window, softcap or key bias");
    }
    if (!isEmpty(q)) {
      AttentionVariant.of(shape.headSize()).launch(queue, q, k, v, shape, out);
    }
  }

  @Override
  public void gate(Activation activation, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix out) {
    if (activation != Activation.SILU) {
      throw new UnsupportedOperationException("gate by " + activation);
    }
    forEachElement("silu_multiply", out, gate.data(), up.data(), out.data());
  }

  @Override
  public void add(DeviceMatrix x, DeviceMatrix y) {
    forEachElement("add", x, x.data(), y.data());
  }

  private void forEachRow(CudaFunction function, DeviceMatrix rows, Object... arguments) {
    if (!isEmpty(rows)) {
      int threads = LaunchShape.rowThreads(rows.columns(), ROW_THREADS);
      queue.launch(function, LaunchShape.blocks(rows.rows()), threads, 0, arguments);
    }
  }

  /** Launches a kernel whose last argument is the number of elements. */
  private void forEachElement(String name, DeviceMatrix matrix, DevicePointer... matrices) {
    if (isEmpty(matrix)) {
      return;
    }
    long count = (long) matrix.rows() * matrix.columns();
    long blocks = Math.ceilDiv(count, (long) ELEMENT_THREADS * ELEMENTS);
    long most = (long) device.multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
    Object[] arguments = new Object[matrices.length + 1];
    System.arraycopy(matrices, 0, arguments, 0, matrices.length);
    arguments[matrices.length] = count;
    queue.launch(
        device.function("elementwise", name),
        LaunchShape.blocks(Math.min(blocks, most)),
        ELEMENT_THREADS,
        0,
        arguments);
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
