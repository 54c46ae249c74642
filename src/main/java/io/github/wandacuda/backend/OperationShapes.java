package io.github.wandacuda.backend;

import java.util.BitSet;

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

  /** Checks the arguments of {@link Operations#layerNorm}. */
  public static void layerNorm(Tensor x, Tensor gain, Tensor bias, Tensor out) {
    rmsNorm(x, gain, out);
    if (bias != null) {
      size("bias", bias, 1, x.columns());
    }
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
    if (headSize < 2 || x.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "heads of %d features in %d columns".formatted(headSize, x.columns()));
    }
    if (cos.rows() == 0 || x.rows() % cos.rows() != 0) {
      throw new IllegalArgumentException(
          "%d tokens in sequences of %d".formatted(x.rows(), cos.rows()));
    }
    if (cos.columns() == 0 || 2L * cos.columns() > headSize) {
      throw new IllegalArgumentException(
          "%d pairs in heads of %d features".formatted(cos.columns(), headSize));
    }
    size("sin", sin, cos.rows(), cos.columns());
  }

  /** Checks the arguments of {@link Operations#attention}. */
  public static void attention(
      Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor keyBias, Tensor out) {
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
    if (keyBias != null) {
      size("key bias", keyBias, shape.heads(), shape.sequenceLength());
      apart("key bias", keyBias, out);
    }
  }

  /** Checks the arguments of {@link Operations#activate}. */
  public static void activate(Tensor x, Tensor out) {
    size("result", out, x.rows(), x.columns());
  }

  /** Checks the arguments of {@link Operations#gate}. */
  public static void gate(Tensor gate, Tensor up, Tensor out) {
    size("up", up, gate.rows(), gate.columns());
    size("result", out, gate.rows(), gate.columns());
  }

  /** Checks the arguments of {@link Operations#add}. */
  public static void add(Tensor x, Tensor y) {
    size("y", y, x.rows(), x.columns());
  }

  /** Checks the argument of {@link Operations#softcap}. */
  public static void softcap(float cap) {
    if (!(cap > 0) || Float.isInfinite(cap)) {
      throw new IllegalArgumentException("cap %s".formatted(cap));
    }
  }

  /** Checks the arguments of {@link Operations#gatherColumns}. */
  public static void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    size("result", out, source.rows(), out.columns());
    if (width < 1 || out.columns() % width != 0) {
      throw new IllegalArgumentException(
          "groups of %d columns in %d".formatted(width, out.columns()));
    }
    int groups = out.columns() / width;
    long end = offset + (groups - 1L) * stride + width;
    if (offset < 0 || stride < 0 || (groups > 0 && end > source.columns())) {
      throw new IllegalArgumentException(
          "%d groups of %d columns from column %d, %d apart, in %d columns"
              .formatted(groups, width, offset, stride, source.columns()));
    }
    apart("source", source, out);
  }

  /** Checks the arguments of {@link Operations#route}. */
  public static void route(Tensor logits, int k) {
    if (k < 1 || k > logits.columns()) {
      throw new IllegalArgumentException("%d of %d experts".formatted(k, logits.columns()));
    }
  }

  /** Checks the arguments of {@link Operations#gatherRows}. */
  public static void gatherRows(Tensor x, int[] rows, Tensor out) {
    size("result", out, rows.length, x.columns());
    indices("row", rows, x.rows());
    apart("source", x, out);
  }

  /** Checks the arguments of {@link Operations#addRows}. */
  public static void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
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

  /** Checks the arguments of {@link Tensor#reshaped}. */
  public static void reshaped(Tensor tensor, int rows, int columns) {
    if (rows < 0
        || columns < 0
        || (long) rows * columns != (long) tensor.rows() * tensor.columns()) {
      throw new IllegalArgumentException(
          "%d x %d elements as %d x %d".formatted(tensor.rows(), tensor.columns(), rows, columns));
    }
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
