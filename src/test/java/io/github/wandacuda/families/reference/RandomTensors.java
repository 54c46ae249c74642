package io.github.wandacuda.families.reference;

import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * A checkpoint's tensors, made up when they are first asked for: whoever computes with them says
 * what they are called and how large they are.
 */
final class RandomTensors {
  private record Values(int[] shape, float[] data) {}

  private final Map<String, Values> tensors = new TreeMap<>();
  private final String dtype;
  private final long seed;

  /**
   * Begins a checkpoint.
   *
   * @param dtype F32, F16 or BF16, to which values are rounded
   */
  RandomTensors(String dtype, long seed) {
    this.dtype = dtype;
    this.seed = seed;
  }

  private float[] get(String name, double mean, double deviation, int... shape) {
    Values values =
        tensors.computeIfAbsent(
            name,
            key -> {
              Random random = new Random(seed * 31 + key.hashCode());
              float[] data = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
              for (int i = 0; i < data.length; i++) {
                data[i] = rounded((float) (mean + deviation * random.nextGaussian()));
              }
              return new Values(shape, data);
            });
    if (!Arrays.equals(values.shape(), shape)) {
      throw new IllegalStateException(name + " has two shapes");
    }
    return values.data();
  }

  private float rounded(float value) {
    return switch (dtype) {
      case "F16" -> Float.float16ToFloat(Float.floatToFloat16(value));
      case "BF16" -> Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff_0000);
      default -> value;
    };
  }

  /** Returns a matrix. */
  double[][] matrix(String name, int rows, int columns, double deviation) {
    float[] data = get(name, 0, deviation, rows, columns);
    double[][] matrix = new double[rows][columns];
    for (int i = 0; i < data.length; i++) {
      matrix[i / columns][i % columns] = data[i];
    }
    return matrix;
  }

  /** Returns a vector. */
  double[] vector(String name, int length, double mean, double deviation) {
    float[] data = get(name, mean, deviation, length);
    double[] vector = new double[length];
    Arrays.setAll(vector, i -> data[i]);
    return vector;
  }

  /** Adds a tensor that nothing computes with. */
  void extra(String name, int... shape) {
    get(name, 0, 1, shape);
  }

  /** Writes all that were asked for. */
  void write(Path file) throws IOException {
    SafetensorsBytes bytes = new SafetensorsBytes();
    for (Map.Entry<String, Values> tensor : tensors.entrySet()) {
      Values values = tensor.getValue();
      bytes.raw(tensor.getKey(), dtype, encoded(values.data()), values.shape());
    }
    bytes.write(file);
  }

  private byte[] encoded(float[] values) {
    int size = dtype.equals("F32") ? 4 : 2;
    ByteBuffer bytes = ByteBuffer.allocate(size * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (dtype) {
        case "F16" -> bytes.putShort(Float.floatToFloat16(value));
        case "BF16" -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        default -> bytes.putFloat(value);
      }
    }
    return bytes.array();
  }
}
