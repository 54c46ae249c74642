package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Checks the operands of {@link Operations} for all backends, before anything is written: tensors
 * and weights must be the backend's own, shapes must fit each other, and ids must be within their
 * bounds. Otherwise it throws an {@link IllegalArgumentException}. For a result without elements
 * the backend isn't called.
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
    return rows == 0 || columns == 0
        ? Operations.super.storedRows(rows, columns)
        : new CheckedStoredRows(rows, columns, this::own, backend.storedRows(rows, columns));
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    return backend.hostBytes(rows, columns);
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    own(destination);
    OperandShapes.host(source.byteSize(), destination);
    ifThere(destination, () -> backend.upload(source, destination));
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    own(source);
    OperandShapes.host(destination.byteSize(), source);
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
    OperandShapes.size("result", out, tokens.length, table.columns());
    OperandShapes.indices("token", tokens, table.rows());
    ifThere(out, () -> backend.embed(table, tokens, out));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    own(x, gain, out);
    OperandShapes.norm(x, gain, 1, null, out);
    ifThere(out, () -> backend.rmsNorm(x, gain, epsilon, out));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    own(x, gain, out);
    ownOrNull(bias);
    OperandShapes.norm(x, gain, Math.max(1, gain.rows()), bias, out);
    ifThere(out, () -> backend.layerNorm(x, gain, bias, epsilon, out));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    own(x, out);
    own(w);
    ownOrNull(bias);
    OperandShapes.linear(x, w, bias, out);
    ifThere(out, () -> backend.linear(x, w, bias, out));
  }

  @Override
  public void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin) {
    own(x, cos, sin);
    OperandShapes.rotate(x, pairs, cos, sin);
    ifThere(x, () -> backend.rotate(x, pairs, cos, sin));
  }

  @Override
  public void attention(AttentionOperands<Tensor> of) {
    own(of.q(), of.k(), of.v(), of.out());
    ownOrNull(of.keyBias());
    ownOrNull(of.sinks());
    OperandShapes.attention(of);
    ifThere(of.out(), () -> backend.attention(of));
  }

  @Override
  public void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out) {
    own(x, weights, out);
    OperandShapes.convolve(x, weights, sequenceLength, out);
    ifThere(out, () -> backend.convolve(x, weights, sequenceLength, out));
  }

  @Override
  public void deltaRule(DeltaOperands<Tensor> of) {
    own(of.q(), of.k(), of.v(), of.decay(), of.correction(), of.state(), of.out());
    OperandShapes.deltaRule(of);
    ifThere(of.out(), () -> backend.deltaRule(of));
  }

  @Override
  public void elementwise(Elementwise operation, Tensor x, Tensor y, Tensor out) {
    own(x, out);
    if (operation.takesTwo()) {
      own(y);
      OperandShapes.size("y", y, x.rows(), x.columns());
    }
    OperandShapes.size("result", out, x.rows(), x.columns());
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
    OperandShapes.gatherColumns(source, groups, out);
    if (groups.count() > 0) {
      ifThere(out, () -> backend.gatherColumns(source, groups, out));
    }
  }

  @Override
  public Routing route(Tensor logits, Tensor correction, RoutingRule rule) {
    own(logits);
    ownOrNull(correction);
    OperandShapes.route(logits, correction, rule);
    return logits.rows() == 0
        ? new Routing(rule.expertsPerToken(), new int[0], new float[0])
        : backend.route(logits, correction, rule);
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    own(x, out);
    OperandShapes.size("result", out, rows.length, x.columns());
    OperandShapes.indices("row", rows, x.rows());
    OperandShapes.apart("source", x, out);
    ifThere(out, () -> backend.gatherRows(x, rows, out));
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    own(x, out);
    OperandShapes.addRows(x, rows, factors, out);
    ifThere(x, () -> backend.addRows(x, rows, factors, out));
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    ColumnSquares squares = backend.columnSquares(columns);
    return new ColumnSquares() {
      @Override
      public void add(Tensor x) {
        own(x);
        OperandShapes.same("columns", columns, x.columns());
        ifThere(x, () -> squares.add(x));
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
    return new CheckedMoments(columns, this::own, backend.secondMoments(columns));
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    own(logits);
    OperandShapes.same("targets", logits.rows(), targets.length);
    OperandShapes.indices("target", targets, logits.columns());
    return targets.length == 0 ? new double[0] : backend.crossEntropy(logits, targets);
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

  private static void ifThere(Tensor elements, Runnable work) {
    if (elements.rows() > 0 && elements.columns() > 0) {
      work.run();
    }
  }

  /**
   * Checks the operands of {@link SecondMoments}.
   *
   * @param own throws if a tensor isn't the backend's own
   * @param moments does the work; there are elements
   */
  private record CheckedMoments(int columns, Consumer<Tensor> own, SecondMoments moments)
      implements SecondMoments {
    @Override
    public void add(Tensor x) {
      own.accept(x);
      OperandShapes.same("columns", columns, x.columns());
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
  }

  /**
   * Checks the operands of {@link StoredRows} for a backend.
   *
   * @param own throws if a tensor isn't the backend's own
   */
  private record CheckedStoredRows(long rows, int columns, Consumer<Tensor> own, StoredRows stored)
      implements StoredRows {
    private void check(long from, Tensor batch) {
      own.accept(batch);
      OperandShapes.same("columns", columns, batch.columns());
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
  }
}
