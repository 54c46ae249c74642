package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The kernels' contract kept by the scalar code, on copies. */
final class HostForwardKernels extends GpuForwardKernels implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final HostQueue queue;
  private final Workers workers = new Workers(1);
  private final Operations scalar = CpuOperations.checked(new ScalarForward(), workers, null);

  HostForwardKernels(HostQueue queue) {
    this.queue = queue;
  }

  @Override
  protected void launch(Launch kernel) {
    throw new AssertionError(kernel.name());
  }

  @Override
  protected void launchPacked(String kernel, int tokens, DeviceSparse w, Object... arguments) {
    throw new AssertionError(kernel);
  }

  private static MemorySegment row(DeviceRows matrix, int row) {
    return HostDevice.HostBuffer.at(matrix.rowRange(row, 1).data())
        .asSlice(0, (long) matrix.columns() * matrix.dtype().bytes());
  }

  private static MemorySegment widened(DeviceRows matrix, int row) {
    if (matrix.dtype() == DType.F32) {
      return row(matrix, row);
    }
    float[] values = new float[matrix.columns()];
    for (int column = 0; column < values.length; column++) {
      values[column] = weight(matrix).get(row, column);
    }
    return MemorySegment.ofArray(values);
  }

  private Tensor read(DeviceRows matrix) {
    Tensor tensor = scalar.tensor(matrix.rows(), matrix.columns());
    for (int row = 0; row < matrix.rows(); row++) {
      scalar.upload(widened(matrix, row), tensor.rows(row, 1));
    }
    return tensor;
  }

  private static WeightMatrix weight(DeviceRows matrix) {
    return new WeightMatrix(
        HostDevice.HostBuffer.at(matrix.data()),
        matrix.dtype(),
        matrix.rows(),
        matrix.columns(),
        matrix.stride(),
        1);
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    queue.launch(
        () -> {
          Tensor added =
              bias == null ? null : read(new DeviceRows(bias, DType.F32, 1, w.rows(), w.rows()));
          Tensor result = scalar.tensor(out.rows(), out.columns());
          scalar.linear(read(x), scalar.weight(weight(w)), added, result);
          for (int row = 0; row < out.rows(); row++) {
            scalar.download(result.rows(row, 1), row(out, row));
          }
        });
  }

  @Override
  public boolean multipliesSparse() {
    return false;
  }

  @Override
  public void rotate(DeviceRows x, int headSize, DeviceRows cos, DeviceRows sin) {
    throw new AssertionError("rotate");
  }

  @Override
  public void attention(AttentionOperands<DeviceRows> operands) {
    throw new AssertionError("attention");
  }

  @Override
  public void route(
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights) {
    throw new AssertionError("route");
  }

  @Override
  public long columnSquaresBytes(int columns) {
    return (long) columns * Double.BYTES;
  }

  @Override
  public void columnSquares(DeviceRows x, DevicePointer state) {
    queue.launch(
        () -> {
          try (ColumnSquares squares = scalar.columnSquares(x.columns())) {
            squares.add(read(x));
            MemorySegment sums = HostDevice.HostBuffer.at(state);
            for (int column = 0; column < x.columns(); column++) {
              double sum = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, column);
              sums.setAtIndex(ValueLayout.JAVA_DOUBLE, column, sum + squares.sums()[column]);
            }
          }
        });
  }

  @Override
  public void columnSums(DevicePointer state, int columns, DevicePointer sums) {
    queue.launch(
        () -> {
          MemorySegment from = HostDevice.HostBuffer.at(state);
          MemorySegment to = HostDevice.HostBuffer.at(sums);
          for (int column = 0; column < columns; column++) {
            double sum = from.getAtIndex(ValueLayout.JAVA_DOUBLE, column);
            to.setAtIndex(FLOAT, column, (float) sum);
            to.setAtIndex(FLOAT, (long) columns + column, (float) (sum - (float) sum));
          }
        });
  }

  @Override
  public void secondMoments(DeviceRows x, DevicePointer state) {
    throw new AssertionError("second moments");
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    throw new AssertionError("second moments");
  }

  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    throw new AssertionError("cross-entropy");
  }

  @Override
  public void close() {
    workers.close();
  }
}
