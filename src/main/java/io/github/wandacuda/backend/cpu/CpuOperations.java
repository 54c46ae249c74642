package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.OperationShapes;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Routing;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.IntConsumer;

/**
 * The forward half on the CPU: checks what it is given, shares the work out to threads, and leaves
 * the arithmetic to {@link CpuForwardKernels}. Bad shapes, tensors of other backends, and token ids
 * or targets out of range are {@link IllegalArgumentException}s, thrown before anything is written.
 */
public final class CpuOperations implements Operations {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements of a task where each is touched once: some microseconds of work. */
  private static final int ELEMENTS_PER_TASK = 1 << 15;

  private final CpuForwardKernels kernels;
  private final Workers workers;

  /**
   * Puts kernels and threads together.
   *
   * @param kernels used by this object alone, since they may keep buffers
   * @param workers the threads; closing them is up to the caller
   */
  public CpuOperations(CpuForwardKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  @Override
  public Tensor tensor(int rows, int columns) {
    return CpuTensor.zeros(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    CpuTensor to = CpuTensor.own(destination);
    OperationShapes.host(source.byteSize(), to);
    MemorySegment.copy(source, FLOAT, 0, to.data(), to.at(0), to.elements());
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    CpuTensor from = CpuTensor.own(source);
    OperationShapes.host(destination.byteSize(), from);
    MemorySegment.copy(from.data(), from.at(0), destination, FLOAT, 0, from.elements());
  }

  @Override
  public Weight weight(WeightMatrix matrix) {
    return new CpuWeight(matrix);
  }

  private static WeightMatrix matrix(Weight weight) {
    if (weight instanceof CpuWeight own) {
      return own.matrix();
    }
    throw new IllegalArgumentException("a weight of another backend");
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    WeightMatrix source = matrix(table);
    CpuTensor to = CpuTensor.own(out);
    OperationShapes.embed(table, tokens, to);
    workers.runRanges(
        to.rows(),
        rowsPerTask(to),
        (worker, from, end) -> ScalarEmbed.embed(source, tokens, to, from, end));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    CpuTensor input = CpuTensor.own(x);
    CpuTensor gains = CpuTensor.own(gain);
    CpuTensor result = CpuTensor.own(out);
    OperationShapes.rmsNorm(input, gains, result);
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.rmsNorm(input, gains, epsilon, result, from, to));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    CpuTensor input = CpuTensor.own(x);
    CpuTensor gains = CpuTensor.own(gain);
    CpuTensor biases = ownOrNull(bias);
    CpuTensor result = CpuTensor.own(out);
    OperationShapes.layerNorm(input, gains, biases, result);
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.layerNorm(input, gains, biases, epsilon, result, from, to));
  }

  private static CpuTensor ownOrNull(Tensor tensor) {
    return tensor == null ? null : CpuTensor.own(tensor);
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    CpuTensor input = CpuTensor.own(x);
    WeightMatrix weight = matrix(w);
    CpuTensor biases = ownOrNull(bias);
    CpuTensor result = CpuTensor.own(out);
    OperationShapes.linear(input, w, biases, result);
    kernels.linear(input, weight, biases, result, workers);
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    CpuTensor input = CpuTensor.own(x);
    CpuTensor cosines = CpuTensor.own(cos);
    CpuTensor sines = CpuTensor.own(sin);
    OperationShapes.rotate(input, headSize, cosines, sines);
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.rotate(input, headSize, cosines, sines, from, to));
  }

  @Override
  public void attention(
      Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor keyBias, Tensor out) {
    CpuTensor queries = CpuTensor.own(q);
    CpuTensor keys = CpuTensor.own(k);
    CpuTensor values = CpuTensor.own(v);
    CpuTensor result = CpuTensor.own(out);
    CpuTensor biases = ownOrNull(keyBias);
    OperationShapes.attention(queries, keys, values, shape, biases, result);
    kernels.attention(queries, keys, values, shape, biases, result, workers);
  }

  @Override
  public void activate(Activation activation, Tensor x, Tensor out) {
    CpuTensor input = CpuTensor.own(x);
    CpuTensor result = CpuTensor.own(out);
    OperationShapes.activate(input, result);
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.activate(activation, input, result, from, to));
  }

  @Override
  public void gate(Activation activation, Tensor gate, Tensor up, Tensor out) {
    CpuTensor gates = CpuTensor.own(gate);
    CpuTensor ups = CpuTensor.own(up);
    CpuTensor result = CpuTensor.own(out);
    OperationShapes.gate(gates, ups, result);
    workers.runRanges(
        gates.rows(),
        rowsPerTask(gates),
        (worker, from, to) -> kernels.gate(activation, gates, ups, result, from, to));
  }

  @Override
  public void add(Tensor x, Tensor y) {
    CpuTensor sum = CpuTensor.own(x);
    CpuTensor addend = CpuTensor.own(y);
    OperationShapes.add(sum, addend);
    workers.runRanges(
        sum.rows(), rowsPerTask(sum), (worker, from, to) -> kernels.add(sum, addend, from, to));
  }

  @Override
  public void clear(Tensor x) {
    ScalarElementwise.clear(CpuTensor.own(x));
  }

  @Override
  public void scale(Tensor x, float factor) {
    CpuTensor own = CpuTensor.own(x);
    workers.runRanges(
        own.rows(), rowsPerTask(own), (worker, from, to) -> kernels.scale(own, factor, from, to));
  }

  @Override
  public void softcap(Tensor x, float cap) {
    CpuTensor own = CpuTensor.own(x);
    OperationShapes.softcap(cap);
    workers.runRanges(
        own.rows(), rowsPerTask(own), (worker, from, to) -> kernels.softcap(own, cap, from, to));
  }

  @Override
  public void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    CpuTensor from = CpuTensor.own(source);
    CpuTensor to = CpuTensor.own(out);
    OperationShapes.gatherColumns(from, offset, width, stride, to);
    forEachRow(to, row -> ScalarGatherColumns.gatherColumns(from, offset, width, stride, to, row));
  }

  @Override
  public Routing route(Tensor logits, int k, boolean renormalize) {
    CpuTensor input = CpuTensor.own(logits);
    OperationShapes.route(input, k);
    ScalarRoute routing = new ScalarRoute(input, k, renormalize);
    forEachRow(input, routing::route);
    return routing.routing();
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    CpuTensor from = CpuTensor.own(x);
    CpuTensor to = CpuTensor.own(out);
    OperationShapes.gatherRows(from, rows, to);
    forEachRow(to, i -> ScalarExpertRows.gatherRow(from, rows[i], to, i));
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    CpuTensor input = CpuTensor.own(x);
    CpuTensor sum = CpuTensor.own(out);
    OperationShapes.addRows(input, rows, factors, sum);
    forEachRow(input, i -> kernels.addRow(input, i, factors[i], sum, rows[i]));
  }

  /** Shares out work on the single rows of {@code tensor}. */
  private void forEachRow(CpuTensor tensor, IntConsumer work) {
    workers.runRanges(
        tensor.rows(),
        rowsPerTask(tensor),
        (worker, from, to) -> {
          for (int row = from; row < to; row++) {
            work.accept(row);
          }
        });
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    return new CpuColumnSquares(kernels, workers, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    CpuTensor input = CpuTensor.own(logits);
    OperationShapes.crossEntropy(input, targets);
    double[] losses = new double[targets.length];
    workers.run(
        losses.length,
        (worker, row) -> losses[row] = kernels.crossEntropy(input, row, targets[row]));
    return losses;
  }

  private static int rowsPerTask(CpuTensor tensor) {
    return Math.max(1, ELEMENTS_PER_TASK / Math.max(1, tensor.columns()));
  }
}
