package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.util.List;

/**
 * Weights that come to a device while it works on others, with room for them there from the
 * beginning. Used by one thread at a time, and not by that of the operations alone.
 */
public interface WeightsAhead extends AutoCloseable {
  /**
   * A weight to come.
   *
   * @param dtype its type in the checkpoint
   * @param rows output features
   * @param columns input features
   */
  record Shape(DType dtype, int rows, int columns) {}

  /**
   * Begins to copy the next weight.
   *
   * @param matrix of the next of the shapes; it may change or be freed once this returns
   */
  void send(WeightMatrix matrix);

  /**
   * Waits until all weights are there, and hands them over to the caller.
   *
   * @return one for each shape, as {@link Operations#weight} returns them
   * @throws IllegalStateException if some weren't sent
   */
  List<Weight> take();

  /** Frees what wasn't taken. */
  @Override
  void close();
}
