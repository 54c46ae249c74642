package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Runs causal attention over one sequence. */
public final class AttentionCase implements AutoCloseable {
  private static final double TOLERANCE = 1e-4;

  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Operations operations;
  private final AttentionShape shape;
  private final List<WeightMatrix> contents;
  private final List<Tensor> inputs;
  private final Tensor output;

  /**
   * Makes the data.
   *
   * @param sizes tokens x heads x features of a head
   */
  public AttentionCase(String sizes, int threads) {
    int[] numbers = Matrices.sizes(sizes);
    int tokens = numbers[0];
    int heads = numbers[1];
    int headSize = numbers[2];
    shape =
        new AttentionShape(
            tokens, 0, heads, heads, headSize, (float) (1 / Math.sqrt(headSize)), 0, 0);
    backend = Backends.open("cpu", 0, threads).backend();
    operations = backend.operations();
    contents =
        IntStream.range(0, 3)
            .mapToObj(seed -> Matrices.normal(arena, DType.F32, tokens, heads * headSize, 1, seed))
            .toList();
    inputs = contents.stream().map(this::upload).toList();
    output = operations.tensor(tokens, heads * headSize);
  }

  private Tensor upload(WeightMatrix content) {
    Tensor tensor = operations.tensor(content.rows(), content.columns());
    operations.upload(content.data(), tensor);
    return tensor;
  }

  /** Attends. */
  public void run() {
    operations.attention(inputs.get(0), inputs.get(1), inputs.get(2), shape, null, output);
  }

  /**
   * Returns the floating-point operations that causal attention needs: each token's query times the
   * keys of the tokens up to it, and the same for the values. What a kernel does beyond the
   * diagonal doesn't count, nor does the softmax.
   */
  public double flops() {
    double pairs = shape.sequenceLength() * (shape.sequenceLength() + 1.0) / 2;
    return 4 * pairs * shape.headSize() * shape.heads();
  }

  /**
   * Attends once and compares some outputs.
   *
   * @throws IllegalStateException if one is wrong
   */
  public void check() {
    run();
    int last = shape.sequenceLength() - 1;
    long width = (long) shape.heads() * shape.headSize();
    try (Arena place = Arena.ofConfined()) {
      MemorySegment outputs = place.allocate((last + 1) * width * Float.BYTES, Long.BYTES);
      operations.download(output, outputs);
      for (int token : new int[] {0, last / 2, last}) {
        for (int head : new int[] {0, shape.heads() - 1}) {
          int column = head * shape.headSize() + shape.headSize() / 2;
          double expected = expected(token, head, column);
          float found = outputs.getAtIndex(ValueLayout.JAVA_FLOAT, token * width + column);
          if (Math.abs(found - expected) > TOLERANCE) {
            throw new IllegalStateException(
                "token %d, head %d: %s, not %s".formatted(token, head, found, expected));
          }
        }
      }
    }
  }

  private double expected(int token, int head, int column) {
    double sum = 0;
    double total = 0;
    for (int seen = 0; seen <= token; seen++) {
      double weight = Math.exp(score(token, seen, head));
      total += weight;
      sum += weight * contents.get(2).get(seen, column);
    }
    return sum / total;
  }

  private double score(int token, int seen, int head) {
    double product = 0;
    int first = head * shape.headSize();
    for (int column = first; column < first + shape.headSize(); column++) {
      product += (double) contents.get(0).get(token, column) * contents.get(1).get(seen, column);
    }
    return product * shape.scale();
  }

  @Override
  public void close() {
    Stream.concat(inputs.stream(), Stream.of(output)).forEach(Tensor::close);
    backend.close();
    arena.close();
  }
}
