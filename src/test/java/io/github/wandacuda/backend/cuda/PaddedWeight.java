package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** A weight as it lies on a device: rows at multiples of 16 bytes, with NaN between them. */
record PaddedWeight(MemorySegment memory, DType dtype, int rows, int columns, int stride) {

  static PaddedWeight random(DType dtype, int rows, int columns, long seed) {
    int vector = 16 / dtype.bytes();
    int stride = (columns / vector + 1) * vector;
    MemorySegment memory =
        Arena.ofAuto().allocate(Math.max(1L, (long) rows * stride) * dtype.bytes(), 16);
    PaddedWeight weight = new PaddedWeight(memory, dtype, rows, columns, stride);
    Random random = new Random(seed);
    for (int i = 0; i < rows * stride; i++) {
      weight.set(i, i % stride < columns ? (float) random.nextGaussian(0, 0.1) : Float.NaN);
    }
    return weight;
  }

  private void set(int index, float value) {
    switch (dtype) {
      case F32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
      case F16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
      case BF16 -> {
        short upper = (short) (Float.floatToRawIntBits(value) >>> 16);
        memory.setAtIndex(ValueLayout.JAVA_SHORT, index, upper);
      }
    }
  }

  float get(int row, int column) {
    long index = (long) row * stride + column;
    return switch (dtype) {
      case F32 -> memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
      case F16 -> Float.float16ToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index));
      case BF16 ->
          Float.intBitsToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index) << Short.SIZE);
    };
  }

  /** Returns it as host code sees it. */
  WeightMatrix matrix() {
    return new WeightMatrix(memory, dtype, rows, columns, stride, 1);
  }
}
