package io.github.wandacuda.scalar;

/**
 * The products between one query of a head and the keys that it sees, of which attention's gradient
 * is made. Keys are numbered by their place in the sequence, and a query sees those from {@code
 * first} to {@code end - 1}. Every element of a result is one chain of {@code fma} in float32, in
 * the order that is stated, so that implementations agree to the bit.
 *
 * <p>Implementations keep nothing, so that several threads may use one.
 */
public interface HeadProducts {
  /**
   * Multiplies a row with each key: {@code to[j] = sum over i of row[at + i] * turned[i * stride +
   * j]}, from the first feature on.
   *
   * @param size features of a head
   * @param turned the keys with features as rows
   * @param stride elements from one feature's row to the next
   */
  void products(
      float[] row, int at, int size, float[] turned, int stride, int first, int end, float[] to);

  /**
   * Adds weighted keys to a row: {@code to[toAt + i] += sum over j of weights[j] * keys[from + j *
   * stride + i]}, from the first key on.
   *
   * @param stride elements from one key to the next
   * @param size features of a head
   */
  void addWeighted(
      float[] weights,
      int first,
      int end,
      float[] keys,
      int from,
      int stride,
      int size,
      float[] to,
      int toAt);

  /**
   * Adds a weighted row to each key: {@code keys[from + j * stride + i] += weights[j] * row[at +
   * i]}.
   *
   * @param size features of a head
   * @param stride elements from one key to the next
   */
  void spread(
      float[] weights,
      int first,
      int end,
      float[] row,
      int at,
      int size,
      float[] keys,
      int from,
      int stride);
}
