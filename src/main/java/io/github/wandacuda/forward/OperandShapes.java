package io.github.wandacuda.forward;

import java.util.BitSet;
import java.util.List;

/**
 * Checks that the shapes of an operation's operands fit each other, as {@link Operations} says.
 * Whatever doesn't is an {@link IllegalArgumentException}.
 */
final class OperandShapes {
  private OperandShapes() {}

  /**
   * Checks a norm's operands.
   *
   * @param gains rows of the gain, which the rows of x take in turn
   */
  static void norm(Tensor x, Tensor gain, int gains, Tensor bias, Tensor out) {
    size("gain", gain, gains, x.columns());
    if (x.rows() % gains != 0) {
      throw new IllegalArgumentException("%d rows for %d gains".formatted(x.rows(), gains));
    }
    size("result", out, x.rows(), x.columns());
    if (bias != null) {
      size("bias", bias, 1, x.columns());
    }
  }

  static void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    same("input features", w.columns(), x.columns());
    size("result", out, x.rows(), w.rows());
    apart("input", x, out);
    if (bias != null) {
      size("bias", bias, 1, w.rows());
    }
  }

  static void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin) {
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
  }

  static void attention(AttentionOperands<Tensor> of) {
    AttentionShape shape = of.shape();
    Tensor q = of.q();
    Tensor out = of.out();
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
    if (of.sinks() != null) {
      size("sinks", of.sinks(), 1, shape.heads());
    }
  }

  static void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out) {
    int sequences = sequences(out.rows(), sequenceLength);
    if (x.rows() < out.rows() || (sequences > 0 && x.rows() % sequences != 0)) {
      throw new IllegalArgumentException(
          "%d rows for %d sequences of %d".formatted(x.rows(), sequences, sequenceLength));
    }
    same("columns of x", out.columns(), x.columns());
    size("weights", weights, weights.rows(), out.columns());
    apart("x", x, out);
  }

  static void deltaRule(DeltaOperands<Tensor> of) {
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
  }

  static void gatherColumns(Tensor source, ColumnGroups groups, Tensor out) {
    size("result", out, source.rows(), out.columns());
    if (groups.count() > 0) {
      within(groups, groups.from(), groups.fromStride(), groups.fromEnd(), source.columns());
      within(groups, groups.to(), groups.toStride(), groups.toEnd(), out.columns());
    }
    apart("source", source, out);
  }

  private static void within(ColumnGroups groups, int first, int stride, long end, int columns) {
    if (end > columns) {
      throw new IllegalArgumentException(
          "%d groups of %d columns from column %d, %d apart, in %d columns"
              .formatted(groups.count(), groups.width(), first, stride, columns));
    }
  }

  static void route(Tensor logits, Tensor correction, RoutingRule rule) {
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
    if (correction != null) {
      size("correction", correction, 1, experts);
    }
  }

  static void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
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
  }

  /** Checks that tokens are whole sequences, and returns how many. */
  private static int sequences(int tokens, int length) {
    if (length < 1 || tokens % length != 0) {
      throw new IllegalArgumentException("%d tokens in sequences of %d".formatted(tokens, length));
    }
    return tokens / length;
  }

  /** Checks that host memory is as long as a tensor. */
  static void host(long bytes, Tensor tensor) {
    long needed = (long) tensor.rows() * tensor.columns() * Float.BYTES;
    if (bytes < needed) {
      throw new IllegalArgumentException(
          "host memory: expected %d bytes, found %d".formatted(needed, bytes));
    }
  }

  static void same(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "%s: expected %d, found %d".formatted(what, expected, found));
    }
  }

  static void size(String what, Tensor tensor, int rows, int columns) {
    if (tensor.rows() != rows || tensor.columns() != columns) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d, found %d x %d"
              .formatted(what, rows, columns, tensor.rows(), tensor.columns()));
    }
  }

  static void apart(String what, Tensor input, Tensor out) {
    if (out.overlaps(input)) {
      throw new IllegalArgumentException("%s overlaps the result".formatted(what));
    }
  }

  static void indices(String what, int[] indices, int bound) {
    for (int i = 0; i < indices.length; i++) {
      if (indices[i] < 0 || indices[i] >= bound) {
        throw new IllegalArgumentException(
            "%s %d is %d; there are %d".formatted(what, i, indices[i], bound));
      }
    }
  }
}
