package io.github.wandacuda.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The bytes of a GGUF file, one after the other, whatever they say. */
final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Begins a file. */
  static GgufBytes of(int version, long tensors, long keys) {
    return new GgufBytes().raw(GgufHeader.MAGIC).u32(version).u64(tensors).u64(keys);
  }

  GgufBytes raw(byte... bytes) {
    out.writeBytes(bytes);
    return this;
  }

  GgufBytes u32(int number) {
    return raw(
        ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(number).array());
  }

  GgufBytes u64(long number) {
    return raw(
        ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array());
  }

  GgufBytes text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return u64(utf8.length).raw(utf8);
  }

  /** Adds a key whose value is a text. */
  GgufBytes key(String name, String value) {
    return text(name).u32(GgufValue.TEXT).text(value);
  }

  GgufBytes key(String name, int value) {
    return text(name).u32(GgufValue.U32).u32(value);
  }

  /** Adds the start of a key's array. */
  GgufBytes array(String name, int type, long count) {
    return text(name).u32(GgufValue.ARRAY).u32(type).u64(count);
  }

  /**
   * Adds a tensor's entry.
   *
   * @param sizes the columns first, as in the file
   */
  GgufBytes tensor(String name, int type, long offset, long... sizes) {
    text(name).u32(sizes.length);
    for (long size : sizes) {
      u64(size);
    }
    return u32(type).u64(offset);
  }

  /** Adds zeros up to a multiple of 32. */
  GgufBytes padded() {
    return raw(new byte[-out.size() & 31]);
  }

  byte[] bytes() {
    return out.toByteArray();
  }
}
