package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Checks the operands of {@link Operations} for all backends, before anything is written: tensors
 * and weights must be the backend's own, shapes must fit each other, and ids must be within their
 * bounds. Otherwise it throws an {@link IllegalArgumentException}. For a result without elements
 * the backend isn't called.
 *
 * @param <T> the backend's tensors
 * @param <W> the backend's weights
 */
public final class CheckedOperations<T extends Tensor, W extends Weight> implements Operations {
  private final Class<T> tensors;
  private final Class<W> weights;
  private final BackendOperations<T, W> backend;

  /** Checks operands for a backend. */
  public CheckedOperations(Class<T> tensors, Class<W> weights, BackendOperations<T, W> backend) {
    this.tensors = tensors;
    this.weights = weights;
    this.backend = backend;
  }

  @Override
  public Tensor tensor(int rows, int columns) {
    return backend.tensor(rows, columns);
  }

  @Override
  public StoredRows storedRows(long rows, int columns) {
    Optional<BackendOperations.Stored<T>> stored =
        rows == 0 || columns == 0 ? Optional.empty() : backend.storedRows(rows, columns);
    return stored.isPresent()
        ? new CheckedStoredRows<>(rows, columns, this::own, stored.get())
        : new HostStoredRows(this, rows, columns);
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    return backend.hostBytes(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    T to = own(destination);
    OperandShapes.host(source.byteSize(), to);
    if (hasElements(to)) {
      backend.upload(source, to);
    }
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    T from = own(source);
    OperandShapes.host(destination.byteSize(), from);
    if (hasElements(from)) {
      backend.download(from, destination);
    }
  }

  @Override
  public Weight weight(WeightMatrix matrix) {
    return backend.weight(matrix);
  }

  @Override
  public Weight residentWeight(WeightMatrix matrix) {
    return backend.residentWeight(matrix);
  }

  @Override
  public Optional<WeightsAhead> weightsAhead(List<WeightsAhead.Shape> shapes) {
    return backend.weightsAhead(shapes);
  }

  @Override
  public boolean multipliesSparse(DType dtype) {
    return backend.multipliesSparse(dtype);
  }

  @Override
  public Weight sparseWeight(SparseMatrix matrix) {
    return backend.sparseWeight(matrix);
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    W source = own(table);
    T to = own(out);
    OperandShapes.size("result", to, tokens.length, source.columns());
    OperandShapes.indices("token", tokens, source.rows());
    if (hasElements(to)) {
      backend.embed(source, tokens, to);
    }
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    T input = own(x);
    T gains = own(gain);
    T result = own(out);
    OperandShapes.norm(input, gains, null, result);
    if (hasElements(result)) {
      backend.rmsNorm(input, gains, epsilon, result);
    }
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    T input = own(x);
    T gains = own(gain);
    T biases = ownOrNull(bias);
    T result = own(out);
    OperandShapes.norm(input, gains, biases, result);
    if (hasElements(result)) {
      backend.layerNorm(input, gains, biases, epsilon, result);
    }
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    T input = own(x);
    W weight = own(w);
    T biases = ownOrNull(bias);
    T result = own(out);
    OperandShapes.linear(input, weight, biases, result);
    if (hasElements(result)) {
      backend.linear(input, weight, biases, result);
    }
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    T input = own(x);
    T cosines = own(cos);
    T sines = own(sin);
    OperandShapes.rotate(input, headSize, cosines, sines);
    if (hasElements(input)) {
      backend.rotate(input, headSize, cosines, sines);
    }
  }

  @Override
  public void attention(
      Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor keyBias, Tensor out) {
    T queries = own(q);
    T keys = own(k);
    T values = own(v);
    T result = own(out);
    T biases = ownOrNull(keyBias);
    OperandShapes.attention(queries, keys, values, shape, biases, result);
    if (hasElements(result)) {
      backend.attention(queries, keys, values, shape, biases, result);
    }
  }

  @Override
  public void activate(Activation activation, Tensor x, Tensor out) {
    T input = own(x);
    T result = own(out);
    OperandShapes.size("result", result, input.rows(), input.columns());
    if (hasElements(result)) {
      backend.activate(activation, input, result);
    }
  }

  @Override
  public void gate(Activation activation, Tensor gate, Tensor up, Tensor out) {
    T gates = own(gate);
    T ups = own(up);
    T result = own(out);
    OperandShapes.size("up", ups, gates.rows(), gates.columns());
    OperandShapes.size("result", result, gates.rows(), gates.columns());
    if (hasElements(result)) {
      backend.gate(activation, gates, ups, result);
    }
  }

  @Override
  public void add(Tensor x, Tensor y) {
    T sum = own(x);
    T addend = own(y);
    OperandShapes.size("y", addend, sum.rows(), sum.columns());
    if (hasElements(sum)) {
      backend.add(sum, addend);
    }
  }

  @Override
  public void clear(Tensor x) {
    T own = own(x);
    if (hasElements(own)) {
      backend.clear(own);
    }
  }

  @Override
  public void scale(Tensor x, float factor) {
    T own = own(x);
    if (hasElements(own)) {
      backend.scale(own, factor);
    }
  }

  @Override
  public void softcap(Tensor x, float cap) {
    T own = own(x);
    if (!(cap > 0) || Float.isInfinite(cap)) {
      throw new IllegalArgumentException("cap %s".formatted(cap));
    }
    if (hasElements(own)) {
      backend.softcap(own, cap);
    }
  }

  @Override
  public void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    T from = own(source);
    T to = own(out);
    OperandShapes.gatherColumns(from, offset, width, stride, to);
    if (hasElements(to)) {
      backend.gatherColumns(from, offset, width, stride, to);
    }
  }

  @Override
  public Routing route(Tensor logits, int k, boolean renormalize) {
    T input = own(logits);
    if (k < 1 || k > input.columns()) {
      throw new IllegalArgumentException("%d of %d experts".formatted(k, input.columns()));
    }
    return input.rows() == 0
        ? new Routing(k, new int[0], new float[0])
        : backend.route(input, k, renormalize);
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    T from = own(x);
    T to = own(out);
    OperandShapes.size("result", to, rows.length, from.columns());
    OperandShapes.indices("row", rows, from.rows());
    OperandShapes.apart("source", from, to);
    if (hasElements(to)) {
      backend.gatherRows(from, rows, to);
    }
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    T input = own(x);
    T sum = own(out);
    OperandShapes.addRows(input, rows, factors, sum);
    if (hasElements(input)) {
      backend.addRows(input, rows, factors, sum);
    }
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    BackendOperations.Squares<T> squares = backend.columnSquares(columns);
    return new ColumnSquares() {
      @Override
      public void add(Tensor x) {
        T matrix = own(x);
        OperandShapes.same("columns", columns, matrix.columns());
        if (hasElements(matrix)) {
          squares.add(matrix);
        }
      }

      @Override
      public void add(DeviceMatrix x) {
        OperandShapes.same("columns", columns, x.columns());
        if (x.elements() > 0) {
          squares.add(x);
        }
      }

      @Override
      public double[] sums() {
        return squares.sums();
      }

      @Override
      public void clear() {
        squares.clear();
      }

      @Override
      public void close() {
        squares.close();
      }
    };
  }

  @Override
  public SecondMoments secondMoments(int columns) {
    return new CheckedMoments<>(columns, this::own, backend.secondMoments(columns));
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    T input = own(logits);
    OperandShapes.same("targets", input.rows(), targets.length);
    OperandShapes.indices("target", targets, input.columns());
    return targets.length == 0 ? new double[0] : backend.crossEntropy(input, targets);
  }

  /**
   * Checks the arguments of {@link Tensor#reshaped}.
   *
   * @throws IllegalArgumentException if the elements would be more or less
   */
  public static void requireReshapable(Tensor tensor, int rows, int columns) {
    if (rows < 0
        || columns < 0
        || (long) rows * columns != (long) tensor.rows() * tensor.columns()) {
      throw new IllegalArgumentException(
          "%d x %d elements as %d x %d".formatted(tensor.rows(), tensor.columns(), rows, columns));
    }
  }

  private T own(Tensor tensor) {
    if (!tensors.isInstance(tensor)) {
      throw new IllegalArgumentException("a tensor of another backend");
    }
    return tensors.cast(tensor);
  }

  private T ownOrNull(Tensor tensor) {
    return tensor == null ? null : own(tensor);
  }

  private W own(Weight weight) {
    if (!weights.isInstance(weight)) {
      throw new IllegalArgumentException("a weight of another backend");
    }
    return weights.cast(weight);
  }

  private static boolean hasElements(Tensor tensor) {
    return tensor.rows() > 0 && tensor.columns() > 0;
  }
}
