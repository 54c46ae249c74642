package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The lines of a journal: each is the CRC-32C of a JSON object in eight hexadecimal digits, a space
 * and the object. The journal ends before the first line that isn't whole.
 *
 * @param records of the whole lines
 * @param bytes of the whole lines
 */
public record JournalLines(List<JsonNode> records, int bytes) {
  private static final int CHECKSUM_DIGITS = 8;

  /** Reads a journal's content, up to the first line that isn't whole. */
  public static JournalLines read(byte[] content) {
    List<JsonNode> records = new ArrayList<>();
    int from = 0;
    for (int end = lineEnd(content, from); end >= 0; end = lineEnd(content, from)) {
      JsonNode record = record(content, from, end);
      if (record == null) {
        break;
      }
      records.add(record);
      from = end + 1;
    }
    return new JournalLines(records, from);
  }

  /**
   * Returns the object of the first line.
   *
   * @return nothing if that line isn't whole
   */
  public static Optional<JsonNode> first(byte[] content) {
    return Optional.ofNullable(record(content, 0, Math.max(0, lineEnd(content, 0))));
  }

  /** Returns the line of a record, its line break included. */
  public static byte[] line(Map<String, ?> record) {
    String json = JsonText.line(record);
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    String line = "%s %s\n".formatted(hex(Crc32c.of(MemorySegment.ofArray(bytes))), json);
    return line.getBytes(StandardCharsets.UTF_8);
  }

  private static int lineEnd(byte[] content, int from) {
    for (int at = from; at < content.length; at++) {
      if (content[at] == '\n') {
        return at;
      }
    }
    return -1;
  }

  /**
   * Returns the record of a line.
   *
   * @return null if the line isn't one
   */
  private static JsonNode record(byte[] content, int from, int end) {
    int start = from + CHECKSUM_DIGITS + 1;
    if (start > end || content[start - 1] != ' ') {
      return null;
    }
    String checksum = new String(content, from, CHECKSUM_DIGITS, StandardCharsets.US_ASCII);
    MemorySegment json = MemorySegment.ofArray(content).asSlice(start, end - start);
    if (!checksum.equals(hex(Crc32c.of(json)))) {
      return null;
    }
    try {
      return JsonTree.read(new ByteArrayInputStream(content, start, end - start));
    } catch (IOException e) {
      return null;
    }
  }

  static String hex(int checksum) {
    return HexFormat.of().toHexDigits(checksum);
  }
}
