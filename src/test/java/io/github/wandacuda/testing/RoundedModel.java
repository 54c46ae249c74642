package io.github.wandacuda.testing;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** A model whose tensors are rounded to a type of 16 bits. */
public final class RoundedModel {
  private RoundedModel() {}

  /**
   * Copies a model's directory and rounds its tensors there.
   *
   * @param dtype F16 or BF16
   */
  public static Path write(Path model, Path directory, DType dtype) throws IOException {
    TestData.copy(model, directory);
    for (String file : TestData.names(directory)) {
      if (file.endsWith(".safetensors")) {
        SafetensorsBytes rounded = new SafetensorsBytes();
        try (SafetensorsFile shard = SafetensorsFile.open(model.resolve(file))) {
          for (TensorInfo tensor : shard.tensors()) {
            int[] shape = tensor.shape().stream().mapToInt(Math::toIntExact).toArray();
            rounded.raw(tensor.name(), dtype.name(), rounded(shard, tensor, dtype), shape);
          }
        }
        rounded.write(directory.resolve(file));
      }
    }
    return directory;
  }

  private static byte[] rounded(SafetensorsFile shard, TensorInfo tensor, DType dtype) {
    int count = Math.toIntExact(tensor.elements());
    MemorySegment bytes = MemorySegment.ofArray(TensorBytes.of(shard, tensor));
    WeightMatrix values = WeightMatrix.of(bytes, tensor.type().orElseThrow(), 1, count);
    ByteBuffer out = ByteBuffer.allocate(count * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      float value = values.get(0, i);
      out.putShort(dtype == DType.F16 ? Float.floatToFloat16(value) : toBfloat16(value));
    }
    return out.array();
  }

  /** Rounds a finite number to the nearest, ties to even. */
  private static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
