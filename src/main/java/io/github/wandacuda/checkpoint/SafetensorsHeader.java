package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.JsonInput;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What the header of a safetensors file says.
 *
 * @param bytes the offset of the data section from the file's start
 * @param metadata {@code __metadata__}, in the file's order; empty if there is none
 * @param tensors the tensors in the order of their bytes
 * @param byName the tensors by name; where experts' parts stand in {@code tensors} for their stack,
 *     the stack is found here too
 */
public record SafetensorsHeader(
    int bytes,
    Map<String, String> metadata,
    List<TensorInfo> tensors,
    Map<String, TensorInfo> byName) {
  /** Bytes of the number that a file starts with. */
  static final int LENGTH_BYTES = Long.BYTES;

  /** The other formats that are told by how a file begins. */
  private static final Map<String, String> OTHER_FORMATS =
      Map.of(
          "GGUF", "a GGUF file",
          "PK", "a zip archive, as PyTorch's .pt and .bin files are",
          "\u001f\u008b", "compressed by gzip",
          "\u0080\u0002", "a Python pickle, as old .bin files are",
          "{", "a JSON text");

  /**
   * Reads the header of a file that lies in memory, and checks all of it.
   *
   * @param file the whole file
   * @throws InputException if it breaks the format in any way
   */
  public static SafetensorsHeader of(MemorySegment file) {
    byte[] prefix = start(file, Math.min(file.byteSize(), LENGTH_BYTES));
    int length = length(null, prefix, file.byteSize());
    Budget room = new Budget();
    room.take(null, length);
    return parse(null, start(file, LENGTH_BYTES + (long) length), file.byteSize(), room);
  }

  private static byte[] start(MemorySegment file, long bytes) {
    return file.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Returns how long the header's JSON is, in bytes.
   *
   * @param file for messages, or null for one in memory
   * @param prefix the first bytes of the file, all eight of the number if the file has them
   * @param fileLength in bytes
   * @throws InputException if the file isn't as long, or no header may be
   */
  static int length(Path file, byte[] prefix, long fileLength) {
    if (fileLength < LENGTH_BYTES) {
      throw ErrorDetails.file(file).cut("at least 8 bytes", fileLength + " bytes");
    }
    long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    if (length < 0 || length > JsonInput.LONGEST) {
      throw ErrorDetails.part(file, "header")
          .hint(hint(prefix))
          .wrong(
              "a length of at most %d bytes".formatted(JsonInput.LONGEST),
              Long.toUnsignedString(length));
    }
    if (length > fileLength - LENGTH_BYTES) {
      throw ErrorDetails.part(file, "header")
          .cut(length + " bytes", (fileLength - LENGTH_BYTES) + " before the file ends");
    }
    return (int) length;
  }

  /**
   * Reads a header. A header may be made to fill the memory, so an {@link OutOfMemoryError} here is
   * an error in the file.
   *
   * @param file for messages, or null for one in memory
   * @param start the file's start, up to the end of the header
   * @param fileLength in bytes
   * @param room says how much the heap has for headers, if it wasn't enough
   * @throws InputException if it breaks the format in any way
   */
  static SafetensorsHeader parse(Path file, byte[] start, long fileLength, Budget room) {
    try {
      SafetensorsHeader header = HeaderParser.parse(file, start, LENGTH_BYTES);
      TensorLayout.checkContiguous(file, header.tensors(), fileLength - start.length);
      return header;
    } catch (OutOfMemoryError e) {
      throw room.tooLong(file, "%d whose content has none".formatted(start.length));
    }
  }

  /**
   * Reads the header of a file that isn't there; the end of its last tensor is taken for the
   * file's.
   *
   * @param file for messages
   * @param start the file's start, all of it header
   * @throws InputException if it is no header, or its tensors don't follow each other
   */
  static SafetensorsHeader alone(Path file, byte[] start) {
    int length = length(file, start, start.length);
    if (length != start.length - LENGTH_BYTES) {
      throw ErrorDetails.part(file, "header")
          .wrong(
              "a length of %d bytes".formatted(start.length - LENGTH_BYTES),
              String.valueOf(length));
    }
    SafetensorsHeader header = HeaderParser.parse(file, start, LENGTH_BYTES);
    long end = header.tensors().isEmpty() ? 0 : header.tensors().getLast().end();
    TensorLayout.checkContiguous(file, header.tensors(), end);
    return header;
  }

  /** Returns what a file seems to be by how it begins, and what to do about it. */
  private static String hint(byte[] head) {
    String text = new String(head, StandardCharsets.ISO_8859_1);
    return OTHER_FORMATS.entrySet().stream()
        .filter(format -> text.startsWith(format.getKey()))
        .map(format -> "it begins like %s; name a .safetensors file".formatted(format.getValue()))
        .findFirst()
        .orElse("it was cut or changed, or is no safetensors file: copy or download it again");
  }

  /**
   * How long the headers of a model's shards may be together: a third of the Java heap. What is
   * made of a header takes up to twice as much memory as its bytes, which are kept too.
   */
  static final class Budget {
    private static final int TIMES = 3;

    private final long heap = Runtime.getRuntime().maxMemory();
    private long taken;

    /**
     * Takes a header's length of what is left.
     *
     * @param length in bytes
     * @throws InputException if the Java heap has no room for it
     */
    void take(Path file, long length) {
      taken += length;
      if (taken > heap / TIMES) {
        throw tooLong(file, taken + " with those before it");
      }
    }

    /** Returns the failure of a header for which there is no room after all. */
    InputException tooLong(Path file, String found) {
      return ErrorDetails.part(file, "header")
          .hint("give the heap more with -Xmx")
          .wrong("at most %d bytes for a Java heap of %d".formatted(heap / TIMES, heap), found);
    }
  }
}
