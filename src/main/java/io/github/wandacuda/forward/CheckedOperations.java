package io.github.wandacuda.forward;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * Checks what {@link Operations} are given, for all backends, before anything is written: that
 * tensors and weights are the backend's own, that shapes fit each other, that ids are within their
 * bounds. What doesn't hold is an {@link IllegalArgumentException}. Work on a result without
 * elements ends here too.
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
  public void upload(MemorySegment source, Tensor destination) {
    T to = own(destination);
    host(source.byteSize(), to);
    if (hasElements(to)) {
      backend.upload(source, to);
    }
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    T from = own(source);
    host(destination.byteSize(), from);
    if (hasElements(from)) {
      backend.download(from, destination);
    }
  }

  @Override
  public Weight weight(WeightMatrix matrix) {
    return backend.weight(matrix);
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    W source = own(table);
    T to = own(out);
    size("result", to, tokens.length, source.columns());
    indices("token", tokens, source.rows());
    if (hasElements(to)) {
      backend.embed(source, tokens, to);
    }
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    T input = own(x);
    T gains = own(gain);
    T result = own(out);
    norm(input, gains, result);
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
    norm(input, gains, result);
    if (biases != null) {
      size("bias", biases, 1, input.columns());
    }
    if (hasElements(result)) {
      backend.layerNorm(input, gains, biases, epsilon, result);
    }
  }

  private static void norm(Tensor x, Tensor gain, Tensor out) {
    size("gain", gain, 1, x.columns());
    size("result", out, x.rows(), x.columns());
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    T input = own(x);
    W weight = own(w);
    T biases = ownOrNull(bias);
    T result = own(out);
    same("input features", weight.columns(), input.columns());
    size("result", result, input.rows(), weight.rows());
    apart("input", input, result);
    if (biases != null) {
      size("bias", biases, 1, weight.rows());
    }
    if (hasElements(result)) {
      backend.linear(input, weight, biases, result);
    }
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    T input = own(x);
    T cosines = own(cos);
    T sines = own(sin);
    if (headSize < 2 || input.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "heads of %d features in %d columns".formatted(headSize, input.columns()));
    }
    if (cosines.rows() == 0 || input.rows() % cosines.rows() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(input.rows(), cosines.rows()));
    }
    if (cosines.columns() == 0 || 2L * cosines.columns() > headSize) {
      throw new IllegalArgumentException(
          "%d pairs in heads of %d features".formatted(cosines.columns(), headSize));
    }
    size("sin", sines, cosines.rows(), cosines.columns());
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
    int tokens = queries.rows();
    if (tokens % shape.sequenceLength() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(tokens, shape.sequenceLength()));
    }
    int features = Math.multiplyExact(shape.heads(), shape.headSize());
    int shared = shape.keyValueHeads() * shape.headSize();
    same("columns of q", features, queries.columns());
    size("k", keys, tokens, shared);
    size("v", values, tokens, shared);
    size("result", result, tokens, features);
    apart("q", queries, result);
    apart("k", keys, result);
    apart("v", values, result);
    if (biases != null) {
      size("key bias", biases, shape.heads(), shape.sequenceLength());
      apart("key bias", biases, result);
    }
    if (hasElements(result)) {
      backend.attention(queries, keys, values, shape, biases, result);
    }
  }

  @Override
  public void activate(Activation activation, Tensor x, Tensor out) {
    T input = own(x);
    T result = own(out);
    size("result", result, input.rows(), input.columns());
    if (hasElements(result)) {
      backend.activate(activation, input, result);
    }
  }

  @Override
  public void gate(Activation activation, Tensor gate, Tensor up, Tensor out) {
    T gates = own(gate);
    T ups = own(up);
    T result = own(out);
    size("up", ups, gates.rows(), gates.columns());
    size("result", result, gates.rows(), gates.columns());
    if (hasElements(result)) {
      backend.gate(activation, gates, ups, result);
    }
  }

  @Override
  public void add(Tensor x, Tensor y) {
    T sum = own(x);
    T addend = own(y);
    size("y", addend, sum.rows(), sum.columns());
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
    size("result", to, from.rows(), to.columns());
    if (width < 1 || to.columns() % width != 0) {
      throw new IllegalArgumentException(
          "groups of %d columns in %d".formatted(width, to.columns()));
    }
    int groups = to.columns() / width;
    long end = offset + (groups - 1L) * stride + width;
    if (offset < 0 || stride < 0 || (groups > 0 && end > from.columns())) {
      throw new IllegalArgumentException(
          "%d groups of %d columns from column %d, %d apart, in %d columns"
              .formatted(groups, width, offset, stride, from.columns()));
    }
    apart("source", from, to);
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
    size("result", to, rows.length, from.columns());
    indices("row", rows, from.rows());
    apart("source", from, to);
    if (hasElements(to)) {
      backend.gatherRows(from, rows, to);
    }
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    T input = own(x);
    T sum = own(out);
    same("rows", input.rows(), rows.length);
    same("factors", input.rows(), factors.length);
    same("columns", sum.columns(), input.columns());
    indices("row", rows, sum.rows());
    apart("source", input, sum);
    BitSet taken = new BitSet(sum.rows());
    for (int row : rows) {
      if (taken.get(row)) {
        throw new IllegalArgumentException("row %d is there twice".formatted(row));
      }
      taken.set(row);
    }
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
        same("columns", columns, matrix.columns());
        if (hasElements(matrix)) {
          squares.add(matrix);
        }
      }

      @Override
      public void add(DeviceMatrix x) {
        same("columns", columns, x.columns());
        if (x.elements() > 0) {
          squares.add(x);
        }
      }

      @Override
      public double[] sums() {
        return squares.sums();
      }

      @Override
      public void close() {
        squares.close();
      }
    };
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    T input = own(logits);
    same("targets", input.rows(), targets.length);
    indices("target", targets, input.columns());
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

  private static void host(long bytes, Tensor tensor) {
    long needed = (long) tensor.rows() * tensor.columns() * Float.BYTES;
    if (bytes < needed) {
      throw new IllegalArgumentException(
          "host memory: expected %d bytes, found %d".formatted(needed, bytes));
    }
  }

  private static void same(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "%s: expected %d, found %d".formatted(what, expected, found));
    }
  }

  private static void size(String what, Tensor tensor, int rows, int columns) {
    if (tensor.rows() != rows || tensor.columns() != columns) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, rows, columns, tensor.rows(), tensor.columns()));
    }
  }

  private static void apart(String what, Tensor input, Tensor out) {
    if (out.overlaps(input)) {
      throw new IllegalArgumentException("%s overlaps the result".formatted(what));
    }
  }

  private static void indices(String what, int[] indices, int bound) {
    for (int i = 0; i < indices.length; i++) {
      if (indices[i] < 0 || indices[i] >= bound) {
        throw new IllegalArgumentException(
            "%s %d is %d; there are %d".formatted(what, i, indices[i], bound));
      }
    }
  }
}
