package io.github.wandacuda;

/**
 * The arithmetic of {@link QuantizedMatrix#read}. The library brings its own kernels, which {@link
 * java.util.ServiceLoader} finds; all of them give the same bits.
 */
public interface WideningKernels {
  /**
   * Widens codes of one block: {@code to[offset + i] = (value of codes[from + i] - zero) * scale},
   * the difference exact and the product rounded once. Called by several threads at once.
   *
   * @param format what a code stands for
   * @param codes a byte each
   * @param from the first code's place
   * @param count how many
   * @param zero the zero point's value
   * @param scale the block's
   * @param to receives the numbers
   * @param offset where in it the first goes
   */
  void widen(
      NumberFormat format,
      byte[] codes,
      int from,
      int count,
      float zero,
      float scale,
      float[] to,
      int offset);
}
