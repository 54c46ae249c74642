package io.github.wandacuda.backend;

/**
 * Checks what {@link Operations} are given, for those who implement them; all throw {@link
 * IllegalArgumentException}.
 */
public final class OperationShapes {
  private OperationShapes() {}

  /** Checks the arguments of {@link Operations#embed}. */
  public static void embed(Weight table, int[] tokens, Tensor out) {
    size("result", out, tokens.length, table.columns());
    indices("token", tokens, table.rows());
  }

  /** Checks the arguments of {@link Operations#rmsNorm}. */
  public static void rmsNorm(Tensor x, Tensor gain, Tensor out) {
    size("gain", gain, 1, x.columns());
    size("result", out, x.rows(), x.columns());
  }

  /** Checks the arguments of {@link Operations#linear}. */
  public static void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    same("input features", w.columns(), x.columns());
    size("result", out, x.rows(), w.rows());
    apart("input", x, out);
    if (bias != null) {
      size("bias", bias, 1, w.rows());
    }
  }

  /** Checks the arguments of {@link Operations#rotate}. */
  public static void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    if (headSize < 2 || headSize % 2 != 0 || x.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "heads of %d features in %d columns".formatted(headSize, x.columns()));
    }
    if (cos.rows() == 0 || x.rows() % cos.rows() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(x.rows(), cos.rows()));
    }
    same("columns of cos", headSize / 2, cos.columns());
    size("sin", sin, cos.rows(), cos.columns());
  }

  /** Checks the arguments of {@link Operations#attention}. */
  public static void attention(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor out) {
    int tokens = q.rows();
    if (tokens % shape.sequenceLength() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(tokens, shape.sequenceLength()));
    }
    int features = Math.multiplyExact(shape.heads(), shape.headSize());
    int shared = shape.keyValueHeads() * shape.headSize();
    same("columns of q", features, q.columns());
    size("k", k, tokens, shared);
    size("v", v, tokens, shared);
    size("result", out, tokens, features);
    apart("q", q, out);
    apart("k", k, out);
    apart("v", v, out);
  }

  /** Checks the arguments of {@link Operations#siluMultiply}. */
  public static void siluMultiply(Tensor gate, Tensor up, Tensor out) {
    size("up", up, gate.rows(), gate.columns());
    size("result", out, gate.rows(), gate.columns());
  }

  /** Checks the arguments of {@link Operations#add}. */
  public static void add(Tensor x, Tensor y) {
    size("y", y, x.rows(), x.columns());
  }

  /** Checks the argument of {@link ColumnSquares#add}. */
  public static void columnSquares(int columns, Tensor x) {
    same("columns", columns, x.columns());
  }

  /** Checks the arguments of {@link Operations#crossEntropy}. */
  public static void crossEntropy(Tensor logits, int[] targets) {
    same("targets", logits.rows(), targets.length);
    indices("target", targets, logits.columns());
  }

  /** Checks that host memory holds a tensor. */
  public static void host(long bytes, Tensor tensor) {
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
