package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The forward half on the CPU: checks what it is given, shares the work out to threads, and leaves
 * the arithmetic to {@link ForwardKernels}. Bad shapes, tensors of other backends, and token ids or
 * targets out of range are {@link IllegalArgumentException}s, thrown before anything is written.
 */
public final class CpuOperations implements Operations {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements of a task where each is touched once: some microseconds of work. */
  private static final int ELEMENTS_PER_TASK = 1 << 15;

  private final ForwardKernels kernels;
  private final Workers workers;

  /**
   * Puts kernels and threads together.
   *
   * @param kernels used by this object alone, since they may keep buffers
   * @param workers the threads; closing them is up to the caller
   */
  public CpuOperations(ForwardKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  @Override
  public Tensor tensor(int rows, int columns) {
    return CpuTensor.zeros(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    CpuTensor to = Shapes.own(destination);
    checkHost(source, to);
    MemorySegment.copy(source, FLOAT, 0, to.data(), to.at(0), to.elements());
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    CpuTensor from = Shapes.own(source);
    checkHost(destination, from);
    MemorySegment.copy(from.data(), from.at(0), destination, FLOAT, 0, from.elements());
  }

  private static void checkHost(MemorySegment host, CpuTensor tensor) {
    long needed = (long) tensor.elements() * Float.BYTES;
    if (host.byteSize() < needed) {
      throw new IllegalArgumentException(
          "host memory: expected %d bytes, found %d".formatted(needed, host.byteSize()));
    }
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
    CpuTensor to = Shapes.own(out);
    Shapes.size("result", to, tokens.length, source.columns());
    Shapes.indices("token", tokens, source.rows());
    workers.runRanges(
        to.rows(),
        rowsPerTask(to),
        (worker, from, end) -> {
          WeightReader reader = new WeightReader();
          for (int t = from; t < end; t++) {
            reader.read(source, tokens[t], 0, to.columns(), to.data(), to.at(t));
          }
        });
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    CpuTensor input = Shapes.own(x);
    CpuTensor gains = Shapes.own(gain);
    CpuTensor result = Shapes.own(out);
    Shapes.size("gain", gains, 1, input.columns());
    Shapes.size("result", result, input.rows(), input.columns());
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.rmsNorm(input, gains, epsilon, result, from, to));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    CpuTensor input = Shapes.own(x);
    WeightMatrix weight = matrix(w);
    CpuTensor biases = bias == null ? null : Shapes.own(bias);
    CpuTensor result = Shapes.own(out);
    Shapes.same("input features", weight.columns(), input.columns());
    Shapes.size("result", result, input.rows(), weight.rows());
    Shapes.apart("input", input, result);
    if (biases != null) {
      Shapes.size("bias", biases, 1, weight.rows());
    }
    kernels.linear(input, weight, biases, result, workers);
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    CpuTensor input = Shapes.own(x);
    CpuTensor cosines = Shapes.own(cos);
    CpuTensor sines = Shapes.own(sin);
    if (headSize < 2 || headSize % 2 != 0 || input.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "heads of %d features in %d columns".formatted(headSize, input.columns()));
    }
    if (cosines.rows() == 0 || input.rows() % cosines.rows() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(input.rows(), cosines.rows()));
    }
    Shapes.same("columns of cos", headSize / 2, cosines.columns());
    Shapes.size("sin", sines, cosines.rows(), cosines.columns());
    workers.runRanges(
        input.rows(),
        rowsPerTask(input),
        (worker, from, to) -> kernels.rotate(input, headSize, cosines, sines, from, to));
  }

  @Override
  public void attention(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor out) {
    CpuTensor queries = Shapes.own(q);
    CpuTensor keys = Shapes.own(k);
    CpuTensor values = Shapes.own(v);
    CpuTensor result = Shapes.own(out);
    int tokens = queries.rows();
    if (tokens % shape.sequenceLength() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(tokens, shape.sequenceLength()));
    }
    int features = Math.multiplyExact(shape.heads(), shape.headSize());
    int shared = shape.keyValueHeads() * shape.headSize();
    Shapes.same("columns of q", features, queries.columns());
    Shapes.size("k", keys, tokens, shared);
    Shapes.size("v", values, tokens, shared);
    Shapes.size("result", result, tokens, features);
    Shapes.apart("q", queries, result);
    Shapes.apart("k", keys, result);
    Shapes.apart("v", values, result);
    kernels.attention(queries, keys, values, shape, result, workers);
  }

  @Override
  public void siluMultiply(Tensor gate, Tensor up, Tensor out) {
    CpuTensor gates = Shapes.own(gate);
    CpuTensor ups = Shapes.own(up);
    CpuTensor result = Shapes.own(out);
    Shapes.size("up", ups, gates.rows(), gates.columns());
    Shapes.size("result", result, gates.rows(), gates.columns());
    workers.runRanges(
        gates.rows(),
        rowsPerTask(gates),
        (worker, from, to) -> kernels.siluMultiply(gates, ups, result, from, to));
  }

  @Override
  public void add(Tensor x, Tensor y) {
    CpuTensor sum = Shapes.own(x);
    CpuTensor addend = Shapes.own(y);
    Shapes.size("y", addend, sum.rows(), sum.columns());
    workers.runRanges(
        sum.rows(), rowsPerTask(sum), (worker, from, to) -> kernels.add(sum, addend, from, to));
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    return new CpuColumnSquares(kernels, workers, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    CpuTensor input = Shapes.own(logits);
    Shapes.same("targets", input.rows(), targets.length);
    Shapes.indices("target", targets, input.columns());
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
