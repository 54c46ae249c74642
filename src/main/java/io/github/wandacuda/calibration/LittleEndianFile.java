package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads numbers and texts from a small little-endian file, none of them beyond its end. */
record LittleEndianFile(Path file, ByteBuffer bytes) {
  /** In bytes, more than the sums of a model with a thousand blocks. */
  private static final long LONGEST = 1 << 30;

  /** Memory in multiples of the file's size, for the file, its sums and the norms. */
  private static final int TIMES = 4;

  LittleEndianFile {
    bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Reads a file.
   *
   * @throws InputException if it can't be read or doesn't fit into memory
   */
  static LittleEndianFile open(Path file) {
    try {
      long size = InputFile.size(file);
      long most = Math.min(LONGEST, Runtime.getRuntime().maxMemory() / TIMES);
      if (size > most) {
        throw ErrorDetails.file(file)
            .hint("give the Java heap more with -Xmx")
            .wrong("at most %d bytes".formatted(most), size);
      }
      return new LittleEndianFile(file, ByteBuffer.wrap(InputFile.bytes(file)));
    } catch (IOException e) {
      throw InputException.unreadable(file, "an imatrix", e);
    }
  }

  long length() {
    return bytes.limit();
  }

  int left() {
    return bytes.remaining();
  }

  int position() {
    return bytes.position();
  }

  /** Returns whether the file starts with these letters; doesn't move the position. */
  boolean startsWith(String letters) {
    byte[] expected = letters.getBytes(StandardCharsets.US_ASCII);
    return bytes.limit() >= expected.length
        && bytes.slice(0, expected.length).equals(ByteBuffer.wrap(expected));
  }

  void skip(int count) {
    moveTo(bytes.position(), count);
  }

  void moveTo(long start, long offset) {
    if (offset < 0 || offset > bytes.limit() - start) {
      throw cut();
    }
    bytes.position((int) (start + offset));
  }

  int readInt() {
    try {
      return bytes.getInt();
    } catch (BufferUnderflowException e) {
      throw cut();
    }
  }

  long readLong() {
    try {
      return bytes.getLong();
    } catch (BufferUnderflowException e) {
      throw cut();
    }
  }

  /**
   * Reads a 32-bit number that says how many things follow.
   *
   * @param leastBytes the fewest bytes of each
   * @throws InputException if the file is too short for them
   */
  int count(String what, int leastBytes) {
    return count(what, readInt(), leastBytes);
  }

  /** Reads a 64-bit number that says how many things follow. */
  int longCount(String what, int leastBytes) {
    return count(what, readLong(), leastBytes);
  }

  private int count(String what, long count, int leastBytes) {
    int most = bytes.remaining() / leastBytes;
    if (count < 0 || count > most) {
      throw ErrorDetails.file(file)
          .hint("it was cut or changed, or is no imatrix of llama.cpp")
          .wrong(
              "at most %d for %s at byte %d".formatted(most, what, bytes.position()),
              Long.toUnsignedString(count));
    }
    return (int) count;
  }

  String text(int length) {
    byte[] text = new byte[length];
    bytes.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }

  float[] floats(int count) {
    if (count > bytes.remaining() / Float.BYTES) {
      throw cut();
    }
    float[] values = new float[count];
    bytes.asFloatBuffer().get(values);
    bytes.position(bytes.position() + count * Float.BYTES);
    return values;
  }

  private InputException cut() {
    return ErrorDetails.file(file)
        .hint("copy or download it again")
        .wrong("more", "its end after %d bytes".formatted(bytes.limit()));
  }
}
