package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;

/** The kernels' contract kept by the scalar code, on copies. */
final class HostForwardKernels extends GpuForwardKernels implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

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

  private void write(Tensor tensor, DeviceRows matrix) {
    for (int row = 0; row < matrix.rows(); row++) {
      scalar.download(tensor.rows(row, 1), row(matrix, row));
    }
  }

  private Tensor vector(DevicePointer pointer, int columns) {
    return read(new DeviceRows(pointer, DType.F32, 1, columns, columns));
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

  /** Queues an operation on a copy of {@code out}, which is written back. */
  private void into(DeviceRows out, Consumer<Tensor> operation) {
    queue.launch(
        () -> {
          Tensor result = read(out);
          operation.accept(result);
          write(result, out);
        });
  }

  private static int[] ints(DevicePointer pointer, int count) {
    return HostDevice.HostBuffer.at(pointer).asSlice(0, (long) count * Integer.BYTES).toArray(INT);
  }

  @Override
  public void embed(DeviceRows table, DevicePointer tokens, DeviceRows out) {
    into(
        out,
        result -> scalar.embed(scalar.weight(weight(table)), ints(tokens, out.rows()), result));
  }

  @Override
  public void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    into(out, result -> scalar.rmsNorm(read(x), vector(gain, x.columns()), epsilon, result));
  }

  @Override
  public void linear(DeviceRows x, DeviceRows w, DevicePointer bias, DeviceRows out) {
    into(
        out,
        result ->
            scalar.linear(
                read(x),
                scalar.weight(weight(w)),
                bias == null ? null : vector(bias, w.rows()),
                result));
  }

  @Override
  public boolean multipliesSparse() {
    return false;
  }

  @Override
  public void sparse(DeviceRows x, DeviceSparse w, DevicePointer bias, DeviceRows out) {
    throw new UnsupportedOperationException("packed weights");
  }

  @Override
  public void unpack(DeviceSparse w, DeviceRows out) {
    throw new UnsupportedOperationException("packed weights");
  }

  @Override
  public void rotate(DeviceRows x, int headSize, DeviceRows cos, DeviceRows sin) {
    into(x, result -> scalar.rotate(result, headSize, read(cos), read(sin)));
  }

  @Override
  public void attention(AttentionOperands<DeviceRows> operands) {
    into(
        operands.out(),
        result -> {
          AttentionOperands<Tensor> read =
              operands.map(matrix -> matrix == null ? null : read(matrix));
          scalar.attention(read.q(), read.k(), read.v(), read.shape(), read.keyBias(), result);
        });
  }

  @Override
  public void layerNorm(
      DeviceRows x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceRows out) {
    into(
        out,
        result ->
            scalar.layerNorm(
                read(x),
                vector(gain, x.columns()),
                bias == null ? null : vector(bias, x.columns()),
                epsilon,
                result));
  }

  @Override
  public void elementwise(Elementwise operation, DeviceRows x, DeviceRows y, DeviceRows out) {
    into(out, result -> scalar.elementwise(operation, read(x), y == null ? null : read(y), result));
  }

  @Override
  public void gatherColumns(DeviceRows source, int offset, int width, int stride, DeviceRows out) {
    into(out, result -> scalar.gatherColumns(read(source), offset, width, stride, result));
  }

  @Override
  public void route(
      DeviceRows logits, int k, boolean renormalize, DevicePointer experts, DevicePointer weights) {
    queue.launch(
        () -> {
          Routing routing = scalar.route(read(logits), k, renormalize);
          MemorySegment expertMemory = HostDevice.HostBuffer.at(experts);
          MemorySegment weightMemory = HostDevice.HostBuffer.at(weights);
          for (int place = 0; place < routing.experts().length; place++) {
            expertMemory.setAtIndex(INT, place, routing.experts()[place]);
            weightMemory.setAtIndex(FLOAT, place, routing.weights()[place]);
          }
        });
  }

  @Override
  public void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    into(out, result -> scalar.gatherRows(read(x), ints(rows, out.rows()), result));
  }

  @Override
  public void addRows(DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out) {
    float[] weights = new float[x.rows()];
    into(
        out,
        result -> {
          scalar.download(vector(factors, weights.length), MemorySegment.ofArray(weights));
          scalar.addRows(read(x), ints(rows, weights.length), weights, result);
        });
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
    queue.launch(
        () -> {
          long bytes = PackedTriangle.elements(x.columns()) * Double.BYTES;
          MemorySegment sums = HostDevice.HostBuffer.at(state).asSlice(0, bytes);
          new ScalarForward().secondMoments((CpuTensor) read(x), sums, workers);
        });
  }

  @Override
  public double moment(MemorySegment sums, long index) {
    return sums.getAtIndex(ValueLayout.JAVA_DOUBLE, index);
  }

  /** The loss itself in place of the logarithm's argument, with the rest zero. */
  @Override
  public void crossEntropy(DeviceRows logits, DevicePointer targets, DevicePointer losses) {
    queue.launch(
        () -> {
          double[] values = scalar.crossEntropy(read(logits), ints(targets, logits.rows()));
          MemorySegment to = HostDevice.HostBuffer.at(losses);
          for (int row = 0; row < values.length; row++) {
            to.setAtIndex(FLOAT, 3L * row, (float) values[row]);
            to.setAtIndex(FLOAT, 3L * row + 1, 1f);
            to.setAtIndex(FLOAT, 3L * row + 2, 0f);
          }
        });
  }

  @Override
  public void close() {
    workers.close();
  }
}
