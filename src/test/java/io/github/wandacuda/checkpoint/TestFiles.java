package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.WandaException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Files for tests, and what their errors have to look like. */
public final class TestFiles {
  static final Path LLAMA_GQA = Path.of("testdata/fixtures/llama-gqa/model");
  static final Path TINY_LLAMA = Path.of("testdata/models/tiny-llama");

  private TestFiles() {}

  /** Returns a file's bytes: length prefix, header, data. */
  public static byte[] bytes(String header, byte... data) {
    return bytes(header.getBytes(StandardCharsets.UTF_8), data);
  }

  public static byte[] bytes(byte[] header, byte... data) {
    return bytes(header.length, header, data);
  }

  /** Returns a file's bytes with a length prefix that may be a lie. */
  public static byte[] bytes(long length, byte[] header, byte... data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(header)
        .put(data)
        .array();
  }

  /** Returns one tensor's entry in a header. */
  public static String entry(String name, String dtype, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, shape, begin, end);
  }

  /** Writes a file with a header of these entries. */
  public static Path write(Path file, byte[] data, String... entries) throws IOException {
    return Files.write(file, bytes("{" + String.join(",", entries) + "}", data));
  }

  /** Writes a file whose data section is a hole. */
  static Path sparse(Path file, long dataBytes, String... entries) throws IOException {
    byte[] header = bytes("{" + String.join(",", entries) + "}");
    Files.write(file, header);
    truncate(file, header.length + dataBytes);
    return file;
  }

  public static void truncate(Path file, long length) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(length);
    }
  }

  public static void assertInputError(ThrowingCallable call, String... parts) {
    assertOneLine(catchThrowableOfType(InputException.class, call), parts);
  }

  public static void assertOutputError(ThrowingCallable call, String... parts) {
    assertOneLine(catchThrowableOfType(OutputException.class, call), parts);
  }

  private static void assertOneLine(WandaException error, String... parts) {
    assertThat(error).isNotNull();
    assertThat(error.getMessage())
        .contains(parts)
        .contains("expected ")
        .contains("found")
        .doesNotContainPattern("[\\p{Cntrl}\\u2028\\u2029]")
        .hasSizeLessThan(2000);
  }
}
