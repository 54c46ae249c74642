package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads UTF-8 strictly: malformed bytes are an error, never replaced or skipped. */
public final class Utf8 {
  /**
   * The longest text in bytes. The native tokenizer takes at most 2^31 - 1 bytes, in an encoding
   * that needs at most two bytes for each byte of UTF-8.
   */
  static final int MAXIMUM_BYTES = 1_000_000_000;

  private Utf8() {}

  /**
   * Returns the whole file as one string, a byte order mark included.
   *
   * @throws io.github.wandacuda.error.InputException if it can't be read, isn't UTF-8, or is longer
   *     than the heap has room for
   */
  public static String read(Path file) {
    return InputFile.reading(file, () -> text(file));
  }

  private static String text(Path file) throws IOException {
    long size = InputFile.size(file);
    if (size > MAXIMUM_BYTES) {
      throw ErrorDetails.file(file)
          .wrong("a text of at most %d bytes".formatted(MAXIMUM_BYTES), size);
    }
    HeapBudget.require(ErrorDetails.file(file), size, HeapBudget.OF_TEXT);
    return decode(InputFile.bytes(file), ErrorDetails.file(file));
  }

  /**
   * Returns the string that bytes hold.
   *
   * @param where the file, or the file and the line, for messages
   * @throws io.github.wandacuda.error.InputException if they aren't UTF-8
   */
  static String decode(byte[] bytes, ErrorDetails where) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    // UTF-8 never has fewer bytes than UTF-16 has chars.
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      throw where
          .hint("save the text as UTF-8")
          .wrong(
              "UTF-8",
              "byte 0x%02x at byte %d".formatted(bytes[in.position()] & 0xff, in.position()));
    }
    return out.flip().toString();
  }

  /** Returns whether a string holds half a surrogate pair, which UTF-8 can't encode. */
  public static boolean hasLoneSurrogate(String text) {
    return text.codePoints()
        .anyMatch(point -> point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE);
  }
}
