package io.github.wandacuda;

/**
 * The arithmetic of {@link SparseMatrix}. The library brings its own kernels, which {@link
 * java.util.ServiceLoader} finds; programs call {@link SparseMatrix#multiply(float[], int, float[])
 * multiply} instead.
 *
 * <p>The order of a sum is the same for all kernels, so every processor, any division into ranges
 * and any number of threads give the same bits, but for those of a NaN: chain i of {@link #CHAINS}
 * starts at 0 and adds the columns i, i + 32, i + 64 and so on by fused multiply-adds in float32. A
 * column whose weight is not stored is a term with the weight +0.0, and the last 32 columns are
 * filled up with terms of +0.0 times +0.0. Then chains i and i + 16 are added, then i and i + 8, i
 * + 4, i + 2, i + 1.
 */
public interface SparseKernels {
  /** Partial sums of an output. */
  int CHAINS = 32;

  /**
   * Multiplies activations by some rows of a matrix: {@code out[outAt + t * rows + o] = sum over c
   * of x[xAt + t * columns + c] * w[o, c]} for each t below {@code count} and each o from {@code
   * from} to {@code to - 1}. Arguments are checked. Called by several threads at once.
   *
   * @param w the matrix
   * @param x activations, [count, columns] from {@code xAt} on
   * @param xAt where they begin
   * @param count rows of activations, 1 to {@link SparseMatrix#MOST_ROWS}
   * @param out receives [count, rows] from {@code outAt} on, not {@code x}
   * @param outAt where it begins
   * @param from the first output feature
   * @param to the one after the last
   */
  void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to);

  /**
   * {@return whether this is faster than multiplying the dense matrix, at half of it zeros and one
   * row of activations, as was measured}
   *
   * @param dtype the type of the values
   */
  boolean isFasterThanDense(DType dtype);

  /** {@return how they multiply, for people} */
  String description();
}
