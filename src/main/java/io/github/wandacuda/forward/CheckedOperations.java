package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Checks the operands of {@link Operations} for all backends, before anything is written: tensors
 * and weights must be the backend's own, shapes must fit each other, and ids must be within their
 * bounds. Otherwise it throws an {@link IllegalArgumentException}. For a result without elements
 * the backend isn't called.
 *
 * @param tensors the class of the backend's tensors
 * @param weights the class of the backend's weights
 * @param backend does the work
 */
public record CheckedOperations(
    Class<? extends Tensor> tensors, Class<? extends Weight> weights, Operations backend)
    implements Operations {
  @Override
  public Tensor tensor(int rows, int columns) {
    return backend.tensor(rows, columns);
  }

  @Override
  public StoredRows storedRows(long rows, int columns) {
    if (rows == 0 || columns == 0) {
      return Operations.super.storedRows(rows, columns);
    }
    StoredRows stored = backend.storedRows(rows, columns);
    return new StoredRows() {
      private void check(long from, Tensor batch) {
        own(batch);
        same("columns", columns, batch.columns());
        Objects.checkFromIndexSize(from, batch.rows(), rows);
      }

      @Override
      public void read(long from, Tensor batch) {
        check(from, batch);
        if (batch.rows() > 0) {
          stored.read(from, batch);
        }
      }

      @Override
      public void write(long from, Tensor batch) {
        check(from, batch);
        if (batch.rows() > 0) {
          stored.write(from, batch);
        }
      }

      @Override
      public Optional<MemorySegment> inPlace() {
        return stored.inPlace();
      }

      private void check(long from, MemorySegment host) {
        long rowBytes = (long) columns * Float.BYTES;
        if (host.byteSize() % rowBytes != 0) {
          throw new IllegalArgumentException(
              "%d bytes for rows of %d".formatted(host.byteSize(), rowBytes));
        }
        Objects.checkFromIndexSize(from, host.byteSize() / rowBytes, rows);
      }

      @Override
      public void download(long from, MemorySegment destination) {
        check(from, destination);
        stored.download(from, destination);
      }

      @Override
      public void upload(MemorySegment source, long from) {
        check(from, source);
        stored.upload(source, from);
      }

      @Override
      public void close() {
        stored.close();
      }
    };
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    return backend.hostBytes(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    own(destination);
    host(source.byteSize(), destination);
    ifThere(destination, () -> backend.upload(source, destination));
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    own(source);
    host(destination.byteSize(), source);
    ifThere(source, () -> backend.download(source, destination));
  }

  @Override
  public Weight weight(RowReader matrix) {
    return backend.weight(matrix);
  }

  @Override
  public Weight residentWeight(RowReader matrix) {
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
    own(table);
    own(out);
    size("result", out, tokens.length, table.columns());
    indices("token", tokens, table.rows());
    ifThere(out, () -> backend.embed(table, tokens, out));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    own(x, gain, out);
    norm(x, gain, 1, null, out);
    ifThere(out, () -> backend.rmsNorm(x, gain, epsilon, out));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    own(x, gain, out);
    ownOrNull(bias);
    norm(x, gain, Math.max(1, gain.rows()), bias, out);
    ifThere(out, () -> backend.layerNorm(x, gain, bias, epsilon, out));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    own(x, out);
    own(w);
    ownOrNull(bias);
    same("input features", w.columns(), x.columns());
    size("result", out, x.rows(), w.rows());
    apart("input", x, out);
    size("bias", bias, 1, w.rows());
    ifThere(out, () -> backend.linear(x, w, bias, out));
  }

  @Override
  public void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin) {
    own(x, cos, sin);
    int headSize = pairs.headSize();
    if (headSize < 2 || x.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "heads of %d features in %d columns".formatted(headSize, x.columns()));
    }
    sequences(x.rows(), cos.rows());
    if (cos.columns() == 0 || pairs.first() + 2L * cos.columns() > headSize) {
      throw new IllegalArgumentException(
          "%d pairs in heads of %d features".formatted(cos.columns(), headSize));
    }
    size("sin", sin, cos.rows(), cos.columns());
    ifThere(x, () -> backend.rotate(x, pairs, cos, sin));
  }

  @Override
  public void attention(AttentionOperands<Tensor> of) {
    AttentionShape shape = of.shape();
    Tensor q = of.q();
    Tensor out = of.out();
    own(q, of.k(), of.v(), out);
    ownOrNull(of.keyBias());
    ownOrNull(of.sinks());
    int sequences = sequences(q.rows(), shape.queries());
    int tokens = Math.multiplyExact(sequences, shape.sequenceLength());
    int features = Math.multiplyExact(shape.heads(), shape.headSize());
    int shared = shape.keyValueHeads() * shape.headSize();
    same("columns of q", features, q.columns());
    size("k", of.k(), tokens, shared);
    size("v", of.v(), tokens, shared);
    size("result", out, q.rows(), features);
    apart("q", q, out);
    apart("k", of.k(), out);
    apart("v", of.v(), out);
    if (of.keyBias() != null) {
      size("key bias", of.keyBias(), shape.heads(), shape.sequenceLength());
      apart("key bias", of.keyBias(), out);
    }
    size("sinks", of.sinks(), 1, shape.heads());
    ifThere(out, () -> backend.attention(of));
  }

  @Override
  public void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out) {
    own(x, weights, out);
    int sequences = sequences(out.rows(), sequenceLength);
    if (x.rows() < out.rows() || (sequences > 0 && x.rows() % sequences != 0)) {
      throw new IllegalArgumentException(
          "%d rows for %d sequences of %d".formatted(x.rows(), sequences, sequenceLength));
    }
    same("columns of x", out.columns(), x.columns());
    size("weights", weights, weights.rows(), out.columns());
    apart("x", x, out);
    ifThere(out, () -> backend.convolve(x, weights, sequenceLength, out));
  }

  @Override
  public void deltaRule(DeltaOperands<Tensor> of) {
    own(of.q(), of.k(), of.v(), of.decay(), of.correction(), of.state(), of.out());
    DeltaShape shape = of.shape();
    int tokens = of.q().rows();
    int sequences = sequences(tokens, shape.sequenceLength());
    int keys = Math.multiplyExact(shape.keyHeads(), shape.keySize());
    int values = Math.multiplyExact(shape.heads(), shape.valueSize());
    int states = Math.multiplyExact(shape.heads(), shape.keySize());
    size("q", of.q(), tokens, keys);
    size("k", of.k(), tokens, keys);
    size("v", of.v(), tokens, values);
    size("decay", of.decay(), tokens, shape.heads());
    size("correction", of.correction(), tokens, shape.heads());
    size("state", of.state(), Math.multiplyExact(sequences, states), shape.valueSize());
    size("result", of.out(), tokens, values);
    for (Tensor input : List.of(of.q(), of.k(), of.v(), of.decay(), of.correction())) {
      apart("an input", input, of.out());
      apart("an input", input, of.state());
    }
    apart("the state", of.state(), of.out());
    ifThere(of.out(), () -> backend.deltaRule(of));
  }

  @Override
  public void elementwise(Elementwise operation, Tensor x, Tensor y, Tensor out) {
    own(x, out);
    if (operation.takesTwo()) {
      own(y);
      size("y", y, x.rows(), x.columns());
    }
    size("result", out, x.rows(), x.columns());
    ifThere(out, () -> backend.elementwise(operation, x, y, out));
  }

  @Override
  public void clear(Tensor x) {
    own(x);
    ifThere(x, () -> backend.clear(x));
  }

  @Override
  public void gatherColumns(Tensor source, ColumnGroups groups, Tensor out) {
    own(source, out);
    size("result", out, source.rows(), out.columns());
    if (groups.count() > 0) {
      within(groups, groups.from(), groups.fromStride(), groups.fromEnd(), source.columns());
      within(groups, groups.to(), groups.toStride(), groups.toEnd(), out.columns());
    }
    apart("source", source, out);
    if (groups.count() > 0) {
      ifThere(out, () -> backend.gatherColumns(source, groups, out));
    }
  }

  @Override
  public Routing route(Tensor logits, Tensor correction, RoutingRule rule) {
    own(logits);
    ownOrNull(correction);
    int experts = logits.columns();
    RoutingRule.Groups groups = rule.groups();
    int size = experts / groups.count();
    int k = rule.expertsPerToken();
    if (experts % groups.count() != 0 || groups.best() > Math.max(1, size)) {
      throw new IllegalArgumentException(
          "%d groups of %d experts".formatted(groups.count(), experts));
    }
    if (k < 1 || k > groups.chosen() * size) {
      throw new IllegalArgumentException("%d of %d experts".formatted(k, groups.chosen() * size));
    }
    size("correction", correction, 1, experts);
    return logits.rows() == 0
        ? new Routing(rule.expertsPerToken(), new int[0], new float[0])
        : backend.route(logits, correction, rule);
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    own(x, out);
    size("result", out, rows.length, x.columns());
    indices("row", rows, x.rows());
    apart("source", x, out);
    ifThere(out, () -> backend.gatherRows(x, rows, out));
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    own(x, out);
    same("rows", x.rows(), rows.length);
    same("factors", x.rows(), factors.length);
    same("columns", out.columns(), x.columns());
    indices("row", rows, out.rows());
    apart("source", x, out);
    BitSet taken = new BitSet(out.rows());
    for (int row : rows) {
      if (taken.get(row)) {
        throw new IllegalArgumentException("row %d is there twice".formatted(row));
      }
      taken.set(row);
    }
    ifThere(x, () -> backend.addRows(x, rows, factors, out));
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    ColumnSquares squares = backend.columnSquares(columns);
    return new ColumnSquares() {
      @Override
      public void add(Tensor x) {
        own(x);
        same("columns", columns, x.columns());
        ifThere(x, () -> squares.add(x));
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
    SecondMoments moments = backend.secondMoments(columns);
    return new SecondMoments() {
      @Override
      public void add(Tensor x) {
        own(x);
        same("columns", columns, x.columns());
        if (x.rows() > 0 && columns > 0) {
          moments.add(x);
        }
      }

      @Override
      public void download(double divisor, MemorySegment triangle) {
        if (!(divisor > 0)) {
          throw new IllegalArgumentException("divisor: expected more than 0, found " + divisor);
        }
        long bytes = PackedTriangle.elements(columns) * Float.BYTES;
        if (triangle.byteSize() < bytes) {
          throw new IllegalArgumentException(
              "host memory: expected %d bytes, found %d".formatted(bytes, triangle.byteSize()));
        }
        if (bytes > 0) {
          moments.download(divisor, triangle);
        }
      }

      @Override
      public void close() {
        moments.close();
      }
    };
  }

  @Override
  public Optional<LayerFitting> rowFitting(Weight gram) {
    own(gram);
    return backend.rowFitting(gram);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    own(logits);
    same("targets", logits.rows(), targets.length);
    indices("target", targets, logits.columns());
    return targets.length == 0 ? new double[0] : backend.crossEntropy(logits, targets);
  }

  /**
   * Checks the arguments of {@link Tensor#reshaped}.
   *
   * @throws IllegalArgumentException if there would be more elements or fewer
   */
  public static void requireReshapable(Tensor tensor, int rows, int columns) {
    if (rows < 0
        || columns < 0
        || (long) rows * columns != (long) tensor.rows() * tensor.columns()) {
      throw new IllegalArgumentException(
          "%d x %d elements as %d x %d".formatted(tensor.rows(), tensor.columns(), rows, columns));
    }
  }

  /**
   * Checks a norm's operands.
   *
   * @param gains rows of the gain, which the rows of x take in turn
   */
  private static void norm(Tensor x, Tensor gain, int gains, Tensor bias, Tensor out) {
    size("gain", gain, gains, x.columns());
    if (x.rows() % gains != 0) {
      throw new IllegalArgumentException("%d rows for %d gains".formatted(x.rows(), gains));
    }
    size("result", out, x.rows(), x.columns());
    size("bias", bias, 1, x.columns());
  }

  /**
   * Checks that groups end within the columns of a tensor.
   *
   * @param first column of the first group
   * @param end behind the last group's last column
   */
  private static void within(ColumnGroups groups, int first, int stride, long end, int columns) {
    if (end > columns) {
      throw new IllegalArgumentException(
          "%d groups of %d columns from column %d, %d apart, in %d columns"
              .formatted(groups.count(), groups.width(), first, stride, columns));
    }
  }

  /** Checks that tokens are whole sequences, and returns how many. */
  private static int sequences(int tokens, int length) {
    if (length < 1 || tokens % length != 0) {
      throw new IllegalArgumentException("%d tokens in sequences of %d".formatted(tokens, length));
    }
    return tokens / length;
  }

  /** Checks that host memory is as long as a tensor. */
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

  /** Checks the size of an operand, if it isn't null. */
  private static void size(String what, Tensor tensor, int rows, int columns) {
    if (tensor != null && (tensor.rows() != rows || tensor.columns() != columns)) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, rows, columns, tensor.rows(), tensor.columns()));
    }
  }

  /** Checks that an operand shares no element with the result. */
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

  private void own(Tensor... operands) {
    for (Tensor operand : operands) {
      own(operand);
    }
  }

  private void own(Tensor tensor) {
    if (!tensors.isInstance(tensor)) {
      throw new IllegalArgumentException("a tensor of another backend");
    }
  }

  private void ownOrNull(Tensor tensor) {
    if (tensor != null) {
      own(tensor);
    }
  }

  private void own(Weight weight) {
    if (!weights.isInstance(weight)) {
      throw new IllegalArgumentException("a weight of another backend");
    }
  }

  /** Does work whose result has elements. */
  private static void ifThere(Tensor elements, Runnable work) {
    if (elements.rows() > 0 && elements.columns() > 0) {
      work.run();
    }
  }
}
