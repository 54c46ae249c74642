package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.BiFunction;

/** Runs a linear layer. */
public final class LinearCase implements AutoCloseable {
  private static final double TOLERANCE = 1e-4;

  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Operations operations;
  private final WeightMatrix matrix;
  private final RowReader multiplied;
  private final WeightMatrix activations;
  private final Tensor input;
  private final Weight weight;
  private final Tensor output;

  /**
   * Makes the data.
   *
   * @param shape output features x input features
   * @param dtype of the weight
   */
  public LinearCase(int tokens, String shape, DType dtype, int threads) {
    this(tokens, shape, dtype, threads, (memory, weights) -> weights, Operations::weight);
  }

  private LinearCase(
      int tokens,
      String shape,
      DType dtype,
      int threads,
      BiFunction<Arena, WeightMatrix, RowReader> stored,
      BiFunction<Operations, RowReader, Weight> keeping) {
    int[] sizes = Matrices.sizes(shape);
    backend = Backends.open("cpu", 0, threads).backend();
    operations = backend.operations();
    matrix = Matrices.normal(arena, dtype, sizes[0], sizes[1], NormalWeights.DEVIATION, 1);
    activations = Matrices.normal(arena, DType.F32, tokens, sizes[1], 1, 2);
    multiplied = stored.apply(arena, matrix);
    weight = keeping.apply(operations, multiplied);
    input = operations.tensor(tokens, sizes[1]);
    operations.upload(activations.data(), input);
    output = operations.tensor(tokens, sizes[0]);
  }

  /** Makes a layer whose weight is kept for one to a few tokens, as a generation keeps it. */
  public static LinearCase resident(int tokens, String shape, DType dtype, int threads) {
    return new LinearCase(
        tokens, shape, dtype, threads, (memory, weights) -> weights, Operations::residentWeight);
  }

  /**
   * Makes a layer of codes, kept as {@link #resident} does if there is one token.
   *
   * @param format {@code FP8}, of blocks of 128 x 128, or {@code MXFP4}
   */
  public static LinearCase coded(int tokens, String shape, String format, int threads) {
    return new LinearCase(
        tokens,
        shape,
        DType.BF16,
        threads,
        (memory, weights) -> Quantizing.of(weights, format, memory),
        tokens == 1 ? Operations::residentWeight : Operations::weight);
  }

  /** Runs the layer. */
  public void run() {
    operations.linear(input, weight, null, output);
  }

  /** Returns the floating-point operations of a run. */
  public double flops() {
    return 2.0 * activations.rows() * matrix.elements();
  }

  /** Returns the input, [tokens, input features]. */
  public WeightMatrix activations() {
    return activations;
  }

  /** Returns the weight, [output features, input features]. */
  public WeightMatrix matrix() {
    return matrix;
  }

  /** Returns what the latest run made, [tokens, output features]. */
  public MemorySegment outputs(Arena place) {
    MemorySegment outputs =
        place.allocate((long) activations.rows() * matrix.rows() * Float.BYTES, Long.BYTES);
    operations.download(output, outputs);
    return outputs;
  }

  /**
   * Runs once and compares some outputs.
   *
   * @throws IllegalStateException if one is wrong
   */
  public void check() {
    run();
    try (Arena place = Arena.ofConfined()) {
      MemorySegment outputs = outputs(place);
      int lastToken = activations.rows() - 1;
      int lastRow = matrix.rows() - 1;
      check(0, 0, outputs);
      check(lastToken / 2, lastRow / 2, outputs);
      check(lastToken, lastRow, outputs);
    }
  }

  private void check(int token, int row, MemorySegment outputs) {
    double expected = 0;
    float[] weights = new float[matrix.columns()];
    multiplied.read(row, 0, weights.length, weights, 0);
    for (int column = 0; column < weights.length; column++) {
      expected += (double) activations.get(token, column) * weights[column];
    }
    float found = outputs.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * matrix.rows() + row);
    if (Math.abs(found - expected) > TOLERANCE) {
      throw new IllegalStateException(
          "token %d, feature %d: %s, not %s".formatted(token, row, found, expected));
    }
  }

  @Override
  public void close() {
    output.close();
    input.close();
    weight.close();
    backend.close();
    arena.close();
  }
}
