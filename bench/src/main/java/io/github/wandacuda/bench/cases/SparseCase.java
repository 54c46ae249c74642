package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.SelectionPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs a linear layer of a pruned BF16 weight for one to a few tokens, packed or dense, as a
 * generation keeps it. Runs take copies of the weight in turns, since a generation meets each
 * weight once a token.
 */
public final class SparseCase implements AutoCloseable {
  /** Bytes of all copies together at least: far more than caches hold. */
  public static final long COLD_BYTES = 1_500_000_000;

  /** Enough for tiny shapes, which nobody times in earnest. */
  private static final int MOST = 256;

  private static final long CACHE_LINE = 64;
  private static final double TOLERANCE = 1e-4;

  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Operations operations;
  private final WeightMatrix matrix;
  private final WeightMatrix activations;
  private final Tensor input;
  private final Tensor output;
  private final List<Weight> weights = new ArrayList<>();
  private long bytes;
  private int turn;

  /**
   * What is multiplied.
   *
   * @param shape output features x input features
   * @param amount how much is zero, {@code 50%} or {@code 2:4}
   */
  public record Setup(int tokens, String shape, String amount, int threads) {}

  private SparseCase(Setup setup) {
    int[] sizes = Matrices.sizes(setup.shape());
    backend = Backends.open("cpu", 0, setup.threads()).backend();
    operations = backend.operations();
    matrix = Matrices.normal(arena, DType.BF16, sizes[0], sizes[1], NormalWeights.DEVIATION, 1);
    prune(setup.amount());
    activations = Matrices.normal(arena, DType.F32, setup.tokens(), sizes[1], 1, 2);
    input = operations.tensor(setup.tokens(), sizes[1]);
    operations.upload(activations.data(), input);
    output = operations.tensor(setup.tokens(), sizes[0]);
  }

  private void prune(String amount) {
    float[] norms = DataKind.GAUSSIAN.norms(matrix.columns());
    try (SelectionPlan plan =
        backend
            .selector()
            .prepare(
                matrix.dtype(), matrix.columns(), norms, Amount.rule(amount, matrix.columns()))) {
      plan.select(matrix, matrix, null);
    }
  }

  /** Makes a layer whose weight is packed. */
  public static SparseCase packed(Setup setup) {
    SparseCase made = new SparseCase(setup);
    SparseMatrix packed = SparseMatrix.pack(made.matrix, made.arena);
    made.bytes = packed.bytes();
    for (int i = made.copies(); i > 0; i--) {
      made.weights.add(made.operations.sparseWeight(made.copy(packed)));
    }
    return made;
  }

  private SparseMatrix copy(SparseMatrix packed) {
    return SparseMatrix.of(
        copy(packed.values()),
        copy(packed.bitmask()),
        packed.rowOffsets(),
        packed.rows(),
        packed.columns(),
        packed.dtype());
  }

  private MemorySegment copy(MemorySegment source) {
    return arena.allocate(source.byteSize(), CACHE_LINE).copyFrom(source);
  }

  /** Makes a layer whose weight is dense, in the order of the kernel for few tokens. */
  public static SparseCase dense(Setup setup) {
    SparseCase made = new SparseCase(setup);
    made.bytes = made.matrix.data().byteSize();
    for (int i = made.copies(); i > 0; i--) {
      made.weights.add(made.resident());
    }
    return made;
  }

  /** Returns a weight with memory of its own, wherever the kernels read it. */
  private Weight resident() {
    Weight weight = operations.residentWeight(matrix);
    if (weight.ownsMemory()) {
      return weight;
    }
    weight.close();
    return operations.residentWeight(
        WeightMatrix.of(copy(matrix.data()), matrix.dtype(), matrix.rows(), matrix.columns()));
  }

  private int copies() {
    return (int) Math.clamp(Math.ceilDiv(COLD_BYTES, bytes), 1, MOST);
  }

  /** Runs the layer with the next copy of the weight. */
  public void run() {
    turn = (turn + 1) % weights.size();
    operations.linear(input, weights.get(turn), null, output);
  }

  /** Returns the number of weights, zeros included. */
  public long weights() {
    return matrix.elements();
  }

  /** Returns the bytes of the dense weight. */
  public long denseBytes() {
    return matrix.data().byteSize();
  }

  /** Returns the bytes that a run reads of its weight. */
  public long bytes() {
    return bytes;
  }

  /**
   * Runs once and compares some outputs.
   *
   * @throws IllegalStateException if one is wrong
   */
  public void check() {
    run();
    try (Arena place = Arena.ofConfined()) {
      MemorySegment outputs =
          place.allocate((long) activations.rows() * matrix.rows() * Float.BYTES, Long.BYTES);
      operations.download(output, outputs);
      check(0, 0, outputs);
      check(activations.rows() - 1, matrix.rows() / 2, outputs);
      check(activations.rows() - 1, matrix.rows() - 1, outputs);
    }
  }

  private void check(int token, int row, MemorySegment outputs) {
    double expected = 0;
    for (int column = 0; column < matrix.columns(); column++) {
      expected += (double) activations.get(token, column) * matrix.get(row, column);
    }
    float found = outputs.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * matrix.rows() + row);
    if (!(Math.abs(found - expected) <= TOLERANCE)) {
      throw new IllegalStateException(
          "token %d, feature %d: %s, not %s".formatted(token, row, found, expected));
    }
  }

  @Override
  public void close() {
    output.close();
    input.close();
    weights.forEach(Weight::close);
    backend.close();
    arena.close();
  }
}
