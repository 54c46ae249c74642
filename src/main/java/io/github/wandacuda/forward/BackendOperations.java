package io.github.wandacuda.forward;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * {@link Operations} of one backend, on tensors and weights that it made itself. {@link
 * CheckedOperations} has checked the operands. Every result has elements, unless a method says
 * otherwise.
 *
 * @param <T> the backend's tensors
 * @param <W> the backend's weights
 */
public interface BackendOperations<T extends Tensor, W extends Weight> {

  /** See {@link Operations#tensor}; it may have no elements. */
  T tensor(int rows, int columns);

  /** See {@link Operations#storedRows}; nothing if they are best kept in host memory. */
  default Optional<Stored<T>> storedRows(long rows, int columns) {
    return Optional.empty();
  }

  /** See {@link Operations#hostBytes}. */
  default OptionalLong hostBytes(long rows, int columns) {
    return OptionalLong.empty();
  }

  /** See {@link Operations#upload}. */
  void upload(MemorySegment source, T destination);

  /** See {@link Operations#download}. */
  void download(T source, MemorySegment destination);

  /** See {@link Operations#weight}; it may have no elements. */
  W weight(WeightMatrix matrix);

  /** See {@link Operations#residentWeight}; it may have no elements. */
  default W residentWeight(WeightMatrix matrix) {
    return weight(matrix);
  }

  /** See {@link Operations#weightsAhead}. */
  default Optional<WeightsAhead> weightsAhead(List<WeightsAhead.Shape> shapes) {
    return Optional.empty();
  }

  /** See {@link Operations#multipliesSparse}. */
  default boolean multipliesSparse(DType dtype) {
    return false;
  }

  /** See {@link Operations#sparseWeight}. */
  default W sparseWeight(SparseMatrix matrix) {
    throw new UnsupportedOperationException("this backend multiplies dense matrices alone");
  }

  /** See {@link Operations#embed}. */
  void embed(W table, int[] tokens, T out);

  /** See {@link Operations#rmsNorm}. */
  void rmsNorm(T x, T gain, float epsilon, T out);

  /** See {@link Operations#layerNorm}. */
  void layerNorm(T x, T gain, T bias, float epsilon, T out);

  /** See {@link Operations#linear}. */
  void linear(T x, W w, T bias, T out);

  /** See {@link Operations#rotate}. */
  void rotate(T x, int headSize, T cos, T sin);

  /** See {@link Operations#attention}. */
  void attention(T q, T k, T v, AttentionShape shape, T keyBias, T out);

  /** See {@link Operations#activate}. */
  void activate(Activation activation, T x, T out);

  /** See {@link Operations#gate}. */
  void gate(Activation activation, T gate, T up, T out);

  /** See {@link Operations#add}. */
  void add(T x, T y);

  /** See {@link Operations#clear}. */
  void clear(T x);

  /** See {@link Operations#scale}. */
  void scale(T x, float factor);

  /** See {@link Operations#softcap}. */
  void softcap(T x, float cap);

  /** See {@link Operations#gatherColumns}. */
  void gatherColumns(T source, int offset, int width, int stride, T out);

  /** See {@link Operations#route}. */
  Routing route(T logits, int k, boolean renormalize);

  /** See {@link Operations#gatherRows}. */
  void gatherRows(T x, int[] rows, T out);

  /** See {@link Operations#addRows}. */
  void addRows(T x, int[] rows, float[] factors, T out);

  /** See {@link Operations#columnSquares}; there may be no columns. */
  Squares<T> columnSquares(int columns);

  /** See {@link Operations#secondMoments}; there may be no columns. */
  Moments<T> secondMoments(int columns);

  /** See {@link Operations#crossEntropy}. */
  double[] crossEntropy(T logits, int[] targets);

  /**
   * {@link StoredRows} of one backend's tensors, not in host memory.
   *
   * @param <T> the tensors
   */
  interface Stored<T extends Tensor> extends AutoCloseable {
    /** See {@link StoredRows#read}; the batch has elements. */
    void read(long from, T batch);

    /** See {@link StoredRows#write}; the batch has elements. */
    void write(long from, T batch);

    /** See {@link StoredRows#download}. */
    void download(long from, MemorySegment destination);

    /** See {@link StoredRows#upload}. */
    void upload(MemorySegment source, long from);

    @Override
    void close();
  }

  /**
   * {@link ColumnSquares} of one backend's tensors.
   *
   * @param <T> the tensors
   */
  interface Squares<T extends Tensor> extends AutoCloseable {
    /** See {@link ColumnSquares#add(Tensor)}. */
    void add(T x);

    /** See {@link ColumnSquares#add(DeviceMatrix)}; there are elements. */
    default void add(DeviceMatrix x) {
      throw new UnsupportedOperationException(
          "this backend reads no matrices in a device's memory; cuda and opencl do");
    }

    /** See {@link ColumnSquares#sums}. */
    double[] sums();

    /** See {@link ColumnSquares#clear}. */
    void clear();

    @Override
    void close();
  }

  /**
   * {@link SecondMoments} of one backend's tensors.
   *
   * @param <T> the tensors
   */
  interface Moments<T extends Tensor> extends AutoCloseable {
    /** See {@link SecondMoments#add}. */
    void add(T x);

    /** See {@link SecondMoments#download}; there are elements. */
    void download(double divisor, MemorySegment triangle);

    @Override
    void close();
  }
}
