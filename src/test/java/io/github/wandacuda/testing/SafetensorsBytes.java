package io.github.wandacuda.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.StringJoiner;

/** Makes small safetensors files by hand, sharing no code with the reader and writer under test. */
public final class SafetensorsBytes {
  private final StringJoiner entries = new StringJoiner(",", "{", "}");
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Adds a tensor of float32 with the values 0, 1, 2, ... */
  public SafetensorsBytes f32(String name, int... shape) {
    float[] values = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return f32(name, values, shape);
  }

  /** Adds a tensor of float32. */
  public SafetensorsBytes f32(String name, float[] values, int... shape) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return raw(name, "F32", bytes.array(), shape);
  }

  /** Adds a tensor of any type. */
  public SafetensorsBytes raw(String name, String dtype, byte[] bytes, int... shape) {
    return raw(name, dtype, bytes, Arrays.stream(shape).asLongStream().toArray());
  }

  /** Adds a tensor of any type and any sizes, whether or not the bytes are as many as these say. */
  public SafetensorsBytes raw(String name, String dtype, byte[] bytes, long[] shape) {
    entries.add(
        "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
            .formatted(
                name, dtype, Arrays.toString(shape), data.size(), data.size() + bytes.length));
    data.writeBytes(bytes);
    return this;
  }

  /** Adds metadata: keys and values in turn. */
  public SafetensorsBytes metadata(String... keysAndValues) {
    StringJoiner object = new StringJoiner(",", "\"__metadata__\":{", "}");
    for (int i = 0; i < keysAndValues.length; i += 2) {
      object.add("\"%s\":\"%s\"".formatted(keysAndValues[i], keysAndValues[i + 1]));
    }
    entries.add(object.toString());
    return this;
  }

  public Path write(Path file) throws IOException {
    byte[] header = entries.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length).put(header).put(data.toByteArray());
    return Files.write(file, bytes.array());
  }
}
