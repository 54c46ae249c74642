package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** Random tensors and weights for the tests of kernels. */
public final class Samples {
  private static final float[] SPECIAL = {
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.MIN_VALUE,
    -0f,
    1e-30f,
    -1e30f
  };

  /** Values that round, overflow and vanish on the way through an exponential. */
  private static final float[] EDGES = {
    0f,
    -0f,
    1e-40f,
    -1e-40f,
    Float.MIN_NORMAL,
    0.625f,
    -0.62499994f,
    14.5f,
    -14.5f,
    88.7f,
    -88.7f,
    -104.5f,
    200f,
    -200f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN
  };

  /** How a weight's elements lie in memory. */
  public enum Layout {
    ROWS,
    PADDED_ROWS,
    TRANSPOSED,
    SPREAD
  }

  private final Random random;

  public Samples(long seed) {
    random = new Random(seed);
  }

  /** Returns a tensor of normal values that starts somewhere inside its array. */
  public CpuTensor tensor(int rows, int columns) {
    CpuTensor larger = CpuTensor.zeros(rows + 2, columns);
    float[] data = larger.data();
    for (int i = 0; i < data.length; i++) {
      data[i] = (float) random.nextGaussian();
    }
    return larger.rows(1, rows);
  }

  /** Returns a tensor of normal values of some mean and deviation. */
  public CpuTensor tensor(int rows, int columns, float mean, float deviation) {
    CpuTensor tensor = tensor(rows, columns);
    for (int i = tensor.at(0); i < tensor.at(rows); i++) {
      tensor.data()[i] = mean + deviation * tensor.data()[i];
    }
    return tensor;
  }

  /** Returns a tensor of normal values, the first ones replaced by unusual ones. */
  public CpuTensor withEdges(int rows, int columns, float deviation) {
    CpuTensor tensor = tensor(rows, columns, 0, deviation);
    putEdges(tensor.data(), tensor.at(0), tensor.elements());
    return tensor;
  }

  /** Replaces the first of {@code count} values from {@code at} on by unusual ones. */
  public static void putEdges(float[] values, int at, int count) {
    System.arraycopy(EDGES, 0, values, at, Math.min(count, EDGES.length));
  }

  /** Returns a tensor of these values. */
  public static CpuTensor of(int rows, float... values) {
    CpuTensor tensor = CpuTensor.zeros(rows, values.length / rows);
    System.arraycopy(values, 0, tensor.data(), 0, values.length);
    return tensor;
  }

  /** Returns floats of every sign, exponent and 7 upper bits of a fraction. */
  public static CpuTensor wholeRange() {
    CpuTensor all = CpuTensor.zeros(256, 256);
    for (int i = 0; i < all.elements(); i++) {
      all.data()[i] = Float.intBitsToFloat(i << 16 | i * 31 & 0xffff);
    }
    return all;
  }

  /** Replaces about one element in {@code every} by one that is not a usual number. */
  public CpuTensor spoil(CpuTensor tensor, int every) {
    for (int i = 0; i < tensor.elements(); i++) {
      if (random.nextInt(every) == 0) {
        tensor.data()[tensor.at(0) + i] = SPECIAL[random.nextInt(SPECIAL.length)];
      }
    }
    return tensor;
  }

  public WeightMatrix weight(DType dtype, int rows, int columns, Layout layout) {
    long rowStride =
        switch (layout) {
          case ROWS -> columns;
          case PADDED_ROWS -> columns + 3;
          case TRANSPOSED -> 1;
          case SPREAD -> 2L * columns + 1;
        };
    long columnStride =
        switch (layout) {
          case ROWS, PADDED_ROWS -> 1;
          case TRANSPOSED -> rows;
          case SPREAD -> 2;
        };
    long elements = (rows - 1) * rowStride + (columns - 1) * columnStride + 1;
    // One byte off, so that nothing is aligned.
    MemorySegment data =
        Arena.ofAuto().allocate(elements * dtype.bytes() + 1).asSlice(1, elements * dtype.bytes());
    for (long i = 0; i < elements; i++) {
      put(data, dtype, i, (float) random.nextGaussian());
    }
    return new WeightMatrix(data, dtype, rows, columns, rowStride, columnStride);
  }

  private static void put(MemorySegment data, DType dtype, long index, float value) {
    var shorts = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    var floats = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    switch (dtype) {
      case F32 -> data.set(floats, index * Float.BYTES, value);
      case F16 -> data.set(shorts, index * Short.BYTES, Float.floatToFloat16(value));
      case BF16 ->
          data.set(shorts, index * Short.BYTES, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  /** Returns a tensor's elements as bits, with one pattern for every NaN. */
  public static int[] bits(CpuTensor tensor) {
    int[] bits = new int[tensor.elements()];
    Arrays.setAll(bits, i -> Float.floatToIntBits(tensor.data()[tensor.at(0) + i]));
    return bits;
  }

  /** Returns a copy in an array of its own. */
  public static CpuTensor copy(CpuTensor tensor) {
    CpuTensor copy = CpuTensor.zeros(tensor.rows(), tensor.columns());
    System.arraycopy(tensor.data(), tensor.at(0), copy.data(), 0, tensor.elements());
    return copy;
  }
}
