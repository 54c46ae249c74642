package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.DeviceSparse;
import io.github.wandacuda.device.GpuForwardKernels;
import io.github.wandacuda.device.KernelNames;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Precision;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.Optional;

/**
 * Launches the kernels of the forward pass. Norms, attention, cross-entropy and linear layers on
 * tensor cores sum in another order than the CPU; all other results have the CPU's bits. A kernel
 * that takes more than one statement to launch has a class of its name; the others are launched
 * here.
 */
public final class CudaForwardKernels implements GpuForwardKernels, AutoCloseable {
  private static final int LOSS_THREADS = 512;

  /** Threads of a block that chooses experts; each token has half a warp. */
  private static final int ROUTE_THREADS = 128;

  private static final int ROUTED_TOKENS = 8;

  private final CudaQueue queue;
  private final CudaDevice device;
  private final CudaLaunches launches;
  private final CudaLinear linear;
  private final CudaLinearSparse sparse;
  private final CudaAttentionRows attentionRows;
  private final CudaColumnSquares squares;
  private final CudaSecondMoments moments;

  CudaForwardKernels(CudaQueue queue) {
    this(queue, CublasLinear.open(queue), queue.device().chosenPrecision());
  }

  /**
   * Queues kernels.
   *
   * @param cublas multiplies matrices of 16 bits if it is present; closed with this
   * @param precision of linear layers on tensor cores
   */
  public CudaForwardKernels(CudaQueue queue, Optional<CublasLinear> cublas, Precision precision) {
    this.queue = queue;
    device = queue.device();
    launches = new CudaLaunches(queue);
    linear = new CudaLinear(queue, cublas, precision);
    sparse = new CudaLinearSparse(queue);
    attentionRows = new CudaAttentionRows(queue);
    squares = new CudaColumnSquares(queue);
    moments = new CudaSecondMoments(queue);
  }

  @Override
  public void embed(DeviceRows table, DevicePointer tokens, DeviceRows out) {
    launches.rows(
        "embed",
        KernelNames.of("embed", table.dtype()),
        out,
        table.data(),
        table.stride(),
        tokens,
        out.data(),
        out.columns());
  }

  @Override
  public void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    launches.cachedRows("rms_norm", x, x.data(), gain, epsilon, out.data());
  }

  @Override
  public void layerNorm(
      DeviceRows x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceRows out) {
    launches.cachedRows("layer_norm", x, x.data(), gain, bias, epsilon, out.data());
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public boolean multipliesSparse() {
    return true;
  }

  @Override
  public void sparse(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    sparse.linear(x, w, bias, out);
  }

  @Override
  public void unpack(DeviceSparse w, DeviceRows out) {
    sparse.unpack(w, out);
  }

  @Override
  public void rotate(DeviceRows x, int headSize, DeviceRows cos, DeviceRows sin) {
    launches.rows(
        "rotate",
        "rotate_pairs",
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
      DeviceRows q,
      DeviceRows k,
      DeviceRows v,
      AttentionShape shape,
      DeviceRows keyBias,
      DeviceRows out) {
    if (CudaLaunches.isEmpty(q)) {
      return;
    }
    if (shape.past() > 0) {
      attentionRows.attention(q, k, v, shape, keyBias, out);
    } else {
      CudaAttention.of(shape.headSize()).launch(queue, q, k, v, shape, keyBias, out);
    }
  }

  @Override
  public void activate(Activation activation, DeviceRows x, DeviceRows out) {
    launches.elements("activate", kernel("activate", activation), out, x.data(), out.data());
  }

  @Override
  public void gate(Activation activation, DeviceRows gate, DeviceRows up, DeviceRows out) {
    launches.elements(
        "activate", kernel("gate", activation), out, gate.data(), up.data(), out.data());
  }

  private static String kernel(String what, Activation activation) {
    return what + '_' + activation.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public void add(DeviceRows x, DeviceRows y) {
    launches.elements("elementwise", "add", x, x.data(), y.data());
  }

  @Override
  public void scale(DeviceRows x, float factor) {
    launches.elements("elementwise", "scale", x, x.data(), factor);
  }

  @Override
  public void softcap(DeviceRows x, float cap) {
    launches.elements("elementwise", "softcap", x, x.data(), cap);
  }

  @Override
  public void gatherColumns(DeviceRows source, int offset, int width, int stride, DeviceRows out) {
    launches.rows(
        "gather_columns",
        "gather_columns",
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
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights) {
    if (CudaLaunches.isEmpty(logits)) {
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
  public void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    launches.rows("expert_rows", "gather_rows", out, x.data(), rows, out.data(), out.columns());
  }

  @Override
  public void addRows(DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out) {
    launches.rows("expert_rows", "add_rows", x, x.data(), rows, factors, out.data(), out.columns());
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return (long) columns * Double.BYTES;
  }

  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    squares.add(x, state);
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    squares.write(state, columns, sums);
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
    moments.add(x, state);
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    return sums.getAtIndex(ValueLayout.JAVA_DOUBLE, index);
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    if (CudaLaunches.isEmpty(logits)) {
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
    attentionRows.close();
    squares.close();
  }
}
