package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.DeviceSparse;
import io.github.wandacuda.device.GpuForwardKernels;
import io.github.wandacuda.device.OpenClKernel;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Launches the kernels of the forward pass. All but attention, column squares and second moments
 * give the CPU's bits on devices that round quotients and roots as IEEE 754 does. A kernel that
 * takes more than one statement to launch has a class of its name; the others are launched here.
 */
final class OpenClForwardKernels implements GpuForwardKernels, AutoCloseable {
  private static final String ELEMENTWISE = "elementwise.cl";
  private static final String EXPERT_ROWS = "expert_rows.cl";

  private final OpenClQueue queue;
  private final OpenClLaunches launches;
  private final OpenClLinear linear;
  private final OpenClLinearSparse sparse;
  private final OpenClAttention attention;
  private final OpenClAttentionRows attentionRows;
  private final OpenClColumnSquares squares;
  private final OpenClSecondMoments moments;

  OpenClForwardKernels(OpenClQueue queue) {
    this(queue, MatrixVariant.of(queue.device()));
  }

  OpenClForwardKernels(OpenClQueue queue, MatrixVariant variant) {
    this.queue = queue;
    this.launches = new OpenClLaunches(queue);
    this.sparse = new OpenClLinearSparse(queue, variant);
    this.linear = new OpenClLinear(queue, launches, variant);
    this.attention = new OpenClAttention(queue, variant);
    this.attentionRows = new OpenClAttentionRows(queue, launches);
    this.squares = new OpenClColumnSquares(queue, launches);
    this.moments = new OpenClSecondMoments(queue);
  }

  private OpenClKernel kernel(String file, String name) {
    return queue.device().kernel(file, name, "");
  }

  private OpenClKernel kernel(Activation activation, String name) {
    String function = activation.name().toLowerCase(Locale.ROOT);
    return queue.device().kernel("activate.cl", name, "-D ACTIVATION=" + function);
  }

  private static boolean isEmpty(DeviceRows matrix) {
    return matrix.rows() == 0 || matrix.columns() == 0;
  }

  private static long elements(DeviceRows matrix) {
    return (long) matrix.rows() * matrix.columns();
  }

  @Override
  public void embed(DeviceRows table, DevicePointer tokens, DeviceRows out) {
    launches.columns(
        queue.device().kernel("embed.cl", "embed", OpenClLinear.weightOption(table.dtype())),
        out.columns(),
        out.rows(),
        table.data(),
        table.stride(),
        tokens,
        out.data(),
        out.rows(),
        out.columns());
  }

  @Override
  public void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    launches.rows(
        kernel("rms_norm.cl", "rms_norm"),
        x,
        x.data(),
        gain,
        epsilon,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public void layerNorm(
      DeviceRows x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceRows out) {
    launches.rows(
        kernel("layer_norm.cl", "layer_norm"),
        x,
        x.data(),
        gain,
        bias,
        epsilon,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    if (!isEmpty(out)) {
      linear.linear(x, w, bias, out);
    }
  }

  @Override
  public boolean multipliesSparse() {
    return sparse.isBest();
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
    int pairs = cos.columns();
    launches.columns(
        kernel("rotate.cl", "rotate_pairs"),
        x.columns() / headSize * pairs,
        x.rows(),
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
      DeviceRows q,
      DeviceRows k,
      DeviceRows v,
      AttentionShape shape,
      DeviceRows keyBias,
      DeviceRows out) {
    if (isEmpty(out)) {
      return;
    }
    if (shape.past() > 0) {
      attentionRows.attention(q, k, v, shape, keyBias, out);
    } else {
      attention.attention(q, k, v, shape, keyBias, out);
    }
  }

  @Override
  public void activate(Activation activation, DeviceRows x, DeviceRows out) {
    long count = elements(out);
    launches.elements(kernel(activation, "activate"), count, x.data(), out.data(), count);
  }

  @Override
  public void gate(Activation activation, DeviceRows gate, DeviceRows up, DeviceRows out) {
    long count = elements(out);
    launches.elements(kernel(activation, "gate"), count, gate.data(), up.data(), out.data(), count);
  }

  @Override
  public void add(DeviceRows x, DeviceRows y) {
    long count = elements(x);
    launches.elements(kernel(ELEMENTWISE, "add"), count, x.data(), y.data(), count);
  }

  @Override
  public void scale(DeviceRows x, float factor) {
    inPlace("scale", x, factor);
  }

  @Override
  public void softcap(DeviceRows x, float cap) {
    inPlace("softcap", x, cap);
  }

  private void inPlace(String name, DeviceRows x, float parameter) {
    long count = elements(x);
    launches.elements(kernel(ELEMENTWISE, name), count, x.data(), parameter, count);
  }

  @Override
  public void gatherColumns(DeviceRows source, int offset, int width, int stride, DeviceRows out) {
    launches.columns(
        kernel("gather_columns.cl", "gather_columns"),
        out.columns(),
        out.rows(),
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
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights) {
    launches.rows(
        kernel("route.cl", "route"),
        logits,
        logits.data(),
        k,
        renormalize ? 1 : 0,
        experts,
        weights,
        logits.rows(),
        logits.columns());
  }

  @Override
  public void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    launches.columns(
        kernel(EXPERT_ROWS, "gather_rows"),
        out.columns(),
        out.rows(),
        x.data(),
        rows,
        out.data(),
        out.rows(),
        out.columns());
  }

  @Override
  public void addRows(DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out) {
    launches.columns(
        kernel(EXPERT_ROWS, "add_rows"),
        x.columns(),
        x.rows(),
        x.data(),
        rows,
        factors,
        out.data(),
        x.rows(),
        x.columns());
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return OpenClColumnSquares.bytes(columns);
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
    double high = sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index);
    return high + sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index + 1);
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    launches.rows(
        kernel("cross_entropy.cl", "cross_entropy"),
        logits,
        logits.data(),
        targets,
        losses,
        logits.rows(),
        logits.columns());
  }

  @Override
  public void close() {
    linear.close();
    attentionRows.close();
    squares.close();
  }
}
