package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceCodes;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.backend.gpu.GrowingBuffer;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.RotaryPairs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Launches the kernels of the forward pass. All but attention, column squares and second moments
 * give the CPU's bits on devices that round quotients and roots as IEEE 754 does. A kernel that
 * takes more than a few lines to launch has a class of its name.
 */
final class OpenClForwardKernels extends GpuForwardKernels implements AutoCloseable {
  /** Work-items of a tile of second moments in each dimension, in the largest groups and others. */
  private static final int SIDE = 16;

  private static final int SMALL_SIDE = 8;

  /** Columns of a tile of second moments for each work-item of a side. */
  private static final int COLUMNS = 4;

  /** Tokens whose squares a work-item adds. */
  private static final int SQUARES_BLOCK = 256;

  /** Work-items of a group for a feature of packed weights. */
  private static final int SPARSE_LANES = 32;

  private final OpenClQueue queue;
  private final MatrixVariant variant;
  private final OpenClLinear linear;
  private final OpenClAttention attention;

  /** Sums of blocks of rows' squares, kept from one call to the next. */
  private final GrowingBuffer blockSums;

  OpenClForwardKernels(OpenClQueue queue) {
    this(queue, MatrixVariant.of(queue.device()));
  }

  OpenClForwardKernels(OpenClQueue queue, MatrixVariant variant) {
    this.queue = queue;
    this.variant = variant;
    this.linear = new OpenClLinear(queue, variant);
    this.attention = new OpenClAttention(queue, variant);
    blockSums = new GrowingBuffer(queue.device(), queue);
  }

  private OpenClKernel kernel(String file, String name) {
    return queue.device().kernel(file, name, "");
  }

  @Override
  protected void launch(Launch kernel) {
    DeviceRows over = kernel.over();
    OpenClKernel compiled =
        queue.device().kernel(kernel.file() + ".cl", kernel.name(), kernel.option());
    Object[] sizes = kernel.with(over.rows(), over.columns());
    switch (kernel.shape()) {
      case ELEMENTS -> queue.elements(compiled, kernel.elements(), kernel.with(kernel.elements()));
      case COLUMNS -> queue.columns(compiled, over.columns(), over.rows(), sizes);
      case ROWS -> queue.rows(compiled, over.rows(), sizes);
    }
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    linear.linear(x, w, bias, out);
  }

  @Override
  public void codes(DeviceRows x, DeviceCodes w, DevicePointer bias, DeviceRows out) {
    linear.codes(x, w, bias, out);
  }

  @Override
  protected void launchPacked(String kernel, int tokens, DeviceSparse w, Object... arguments) {
    String options =
        OpenClLinear.weightOption(w.dtype()) + (tokens == 0 ? "" : " -D TOKENS=" + tokens);
    OpenClKernel compiled = queue.device().kernel("linear_sparse.cl", kernel, options);
    int features = compiled.items() / SPARSE_LANES;
    long[] global = {SPARSE_LANES, (long) Math.ceilDiv(w.rows(), features) * features};
    queue.launch(compiled, global, new long[] {SPARSE_LANES, features}, arguments);
  }

  /** Processors, whose work-items aren't threads, have faster code for dense weights. */
  @Override
  public boolean multipliesSparse() {
    return variant.tiles();
  }

  @Override
  public void rotate(DeviceRows x, RotaryPairs pairs, DeviceRows cos, DeviceRows sin) {
    int count = cos.columns();
    queue.columns(
        kernel("rotate.cl", "rotate_pairs"),
        x.columns() / pairs.headSize() * count,
        x.rows(),
        x.data(),
        cos.data(),
        sin.data(),
        x.rows(),
        x.columns(),
        pairs.headSize(),
        pairs.first(),
        count,
        pairs.step(),
        pairs.distance(count),
        cos.rows());
  }

  @Override
  public void attention(AttentionOperands<DeviceRows> operands) {
    attention.attention(operands);
  }

  @Override
  protected void launchRoute(int tokens, Object... arguments) {
    queue.rows(kernel("route.cl", "route"), tokens, arguments);
  }

  /** A sum is a pair of floats. */
  @Override
  public long columnSquaresBytes(int columns) {
    return 2L * columns * Float.BYTES;
  }

  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    int blocks = Math.ceilDiv(x.rows(), SQUARES_BLOCK);
    DevicePointer sums = blockSums.atLeast(blocks * columnSquaresBytes(x.columns()));
    queue.columns(
        squares("column_squares_blocks", x.dtype()),
        x.columns(),
        blocks,
        x.data(),
        sums,
        x.rows(),
        x.columns(),
        x.stride());
    queue.elements(
        squares("column_squares_fold", DType.F32), x.columns(), sums, blocks, state, x.columns());
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    queue.elements(squares("column_sums", DType.F32), 2L * columns, state, sums, 2L * columns);
  }

  private OpenClKernel squares(String name, DType dtype) {
    return queue.device().kernel("column_squares.cl", name, OpenClLinear.weightOption(dtype));
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
    OpenClKernel kernel = kernel("second_moments.cl", "second_moments");
    int side = kernel.items() >= SIDE * SIDE ? SIDE : SMALL_SIDE;
    long items = (long) Math.ceilDiv(x.columns(), COLUMNS * side) * side;
    queue.launch(
        kernel,
        new long[] {items, items},
        new long[] {side, side},
        x.data(),
        state,
        x.rows(),
        x.columns());
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    double high = sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index);
    return high + sums.getAtIndex(ValueLayout.JAVA_FLOAT, 2 * index + 1);
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    queue.rows(
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
    linear.close();
    attention.close();
    blockSums.close();
  }
}
