package engine.jlama;

import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.TensorShape;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A weight that calls itself BF16, since Jlama's types are an enum, and has no dense memory: all
 * that can be done with it is a product, by {@link PackedProducts}.
 */
final class PackedWeight extends AbstractTensor<ShortVector, Short> {
  private final SparseMatrix matrix;

  PackedWeight(SparseMatrix matrix) {
    super(DType.BF16, TensorShape.of(matrix.rows(), matrix.columns()), false);
    this.matrix = matrix;
  }

  /** Writes some columns of the product, those of the rows from {@code from} on. */
  void multiply(AbstractTensor<?, ?> x, AbstractTensor<?, ?> result, int from, int count) {
    int tokens = x.shape().first();
    float[] input = new float[matrix.columns()];
    float[] output = new float[matrix.rows()];
    for (int token = 0; token < tokens; token++) {
      long at = (long) x.getMemorySegmentOffset(x.getOffset(token, 0));
      MemorySegment.copy(x.getMemorySegment(), ValueLayout.JAVA_FLOAT, at, input, 0, input.length);
      matrix.multiply(input, 0, 1, output, 0, from, from + count);
      for (int row = from; row < from + count; row++) {
        result.set(output[row], token, row);
      }
    }
  }

  private static UnsupportedOperationException noElements() {
    return new UnsupportedOperationException("a packed weight has no elements in memory");
  }

  @Override
  @SuppressWarnings("rawtypes") // as Jlama has it
  protected AbstractTensor make(TensorShape shape) {
    throw noElements();
  }

  @Override
  @SuppressWarnings("rawtypes") // as Jlama has it
  protected AbstractTensor make(int offset, int length, TensorShape shape, boolean cached) {
    throw noElements();
  }

  @Override
  public float get(int... place) {
    throw noElements();
  }

  @Override
  public void set(float value, int... place) {
    throw noElements();
  }

  @Override
  public ShortVector getVector(VectorSpecies<Short> species, int... place) {
    throw noElements();
  }

  @Override
  public void intoTensor(ShortVector vector, int... place) {
    throw noElements();
  }

  @Override
  public MemorySegment getMemorySegment() {
    throw noElements();
  }

  @Override
  public int getMemorySegmentOffset(int offset) {
    throw noElements();
  }

  @Override
  @SuppressWarnings("rawtypes") // as Jlama has it
  public void copyFrom(AbstractTensor from, int fromOffset, int offset, int length) {
    throw noElements();
  }

  @Override
  public void clear() {
    throw noElements();
  }
}
