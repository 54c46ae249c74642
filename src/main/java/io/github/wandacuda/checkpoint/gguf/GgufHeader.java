package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.InputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a GGUF file begins with, version 2 or 3: keys with their values, and where its tensors are.
 * Written again it has the same bytes.
 *
 * @param keys in the file's order
 * @param tensors in the file's order, which is that of their bytes
 * @param alignment to a multiple of which each tensor's offset is rounded up
 * @param dataOffset the offset in the file at which the data section starts
 */
public record GgufHeader(
    int version,
    Map<String, GgufValue> keys,
    List<GgufTensor> tensors,
    int alignment,
    long dataOffset) {
  static final String ALIGNMENT = "general.alignment";

  private static final int NEWEST = 3;

  static final int DEFAULT_ALIGNMENT = 32;

  static final byte[] MAGIC = {'G', 'G', 'U', 'F'};

  public GgufHeader {
    keys = Collections.unmodifiableMap(new LinkedHashMap<>(keys));
    tensors = List.copyOf(tensors);
  }

  /**
   * Reads a header, and checks all of it.
   *
   * @param file for messages
   * @param in at the file's start
   * @param length of the file in bytes
   * @throws InputException if it breaks the format in any way, or would take more than 256 MiB
   */
  static GgufHeader read(Path file, InputStream in, long length) throws IOException {
    return new GgufParser(file, in, length).read();
  }

  /** Makes a header of version 3. */
  static GgufHeader of(Map<String, GgufValue> keys, List<GgufTensor> tensors, int alignment) {
    GgufHeader unplaced = new GgufHeader(NEWEST, keys, tensors, alignment, 0);
    return new GgufHeader(NEWEST, keys, tensors, alignment, unplaced.bytes().length);
  }

  /** Returns the header's bytes, the padding behind it included. */
  public byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(MAGIC);
    out.writeBytes(
        buffer(Integer.BYTES + 2 * Long.BYTES)
            .putInt(version)
            .putLong(tensors.size())
            .putLong(keys.size())
            .array());
    keys.forEach(
        (key, value) -> {
          put(out, key);
          out.writeBytes(buffer(Integer.BYTES).putInt(value.type()).array());
          out.writeBytes(value.bytes());
        });
    for (GgufTensor tensor : tensors) {
      put(out, tensor.name());
      List<Long> sizes = tensor.shape().reversed();
      ByteBuffer entry = buffer(2 * Integer.BYTES + (sizes.size() + 1) * Long.BYTES);
      entry.putInt(sizes.size());
      sizes.forEach(entry::putLong);
      out.writeBytes(entry.putInt(tensor.type().id()).putLong(tensor.begin()).array());
    }
    out.writeBytes(new byte[(int) (padded(out.size(), alignment) - out.size())]);
    return out.toByteArray();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void put(ByteArrayOutputStream out, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    out.writeBytes(buffer(Long.BYTES).putLong(utf8.length).array());
    out.writeBytes(utf8);
  }

  /** Returns the next multiple of an alignment, which is a power of two. */
  static long padded(long offset, int alignment) {
    return Math.addExact(offset, alignment - 1) & -alignment;
  }
}
