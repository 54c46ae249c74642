package io.github.wandacuda.io.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.io.json.JsonInput;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A header's content.
 *
 * @param bytes where the data section starts, in bytes from the file's start
 * @param metadata {@code __metadata__}, in the file's order; empty if there is none
 * @param tensors the tensors in the order of their bytes
 * @param byName the same by their names
 */
public record SafetensorsHeader(
    int bytes,
    Map<String, String> metadata,
    List<TensorInfo> tensors,
    Map<String, TensorInfo> byName) {
  /** Bytes of the number that a file starts with. */
  static final int LENGTH_BYTES = Long.BYTES;

  /**
   * Reads the header of a file that lies in memory, and checks all of it.
   *
   * @param file the whole file
   * @throws InputException if it breaks the format in any way
   */
  public static SafetensorsHeader of(MemorySegment file) {
    byte[] prefix = start(file, Math.min(file.byteSize(), LENGTH_BYTES));
    int length = length(null, prefix, file.byteSize());
    HeaderBudget room = new HeaderBudget();
    room.take(null, length);
    return parse(null, start(file, LENGTH_BYTES + (long) length), file.byteSize(), room);
  }

  private static byte[] start(MemorySegment file, long bytes) {
    return file.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Returns how long the JSON is.
   *
   * @param file for messages, or null for one in memory
   * @param prefix the first bytes of the file, all of the number if the file has it
   * @param fileLength bytes of the file
   * @throws InputException if the file isn't as long, or none may be
   */
  static int length(Path file, byte[] prefix, long fileLength) {
    if (fileLength < LENGTH_BYTES) {
      throw Malformed.cut(ErrorDetails.file(file), "at least 8 bytes", fileLength + " bytes");
    }
    long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    if (length < 0 || length > JsonInput.LONGEST) {
      throw new InputException(
          ErrorDetails.file(file)
              .part("header")
              .expected(
                  "a length of at most %d bytes".formatted(JsonInput.LONGEST),
                  Long.toUnsignedString(length))
              .hint(OtherFormat.hint(prefix)));
    }
    if (length > fileLength - LENGTH_BYTES) {
      throw Malformed.cut(
          ErrorDetails.file(file).part("header"),
          length + " bytes",
          (fileLength - LENGTH_BYTES) + " before the file ends");
    }
    return (int) length;
  }

  /**
   * Reads a header. One may be made for nothing but taking memory: that it is too much is its own
   * fault.
   *
   * @param file for messages, or null for one in memory
   * @param start the file's start, up to the end of the header
   * @param fileLength bytes of the file
   */
  static SafetensorsHeader parse(Path file, byte[] start, long fileLength, HeaderBudget room) {
    try {
      SafetensorsHeader header = HeaderParser.parse(file, start, LENGTH_BYTES);
      TensorLayout.checkContiguous(file, header.tensors(), fileLength - start.length);
      return header;
    } catch (OutOfMemoryError e) {
      throw room.tooLong(file, "%d whose content has none".formatted(start.length));
    }
  }
}
