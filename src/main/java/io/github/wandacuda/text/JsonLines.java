package io.github.wandacuda.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Reads small JSON-lines files: an object on each line; blank lines don't count. */
public final class JsonLines {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength(Utf8.MAXIMUM_BYTES).build())
          .build();

  private static final char BYTE_ORDER_MARK = 0xfeff;

  private JsonLines() {}

  /**
   * Reads a file's first objects.
   *
   * @param limit the number of objects after which no more are read
   * @return the objects by their lines' numbers, from 1, in the file's order
   * @throws InputException if it can't be read, or a line isn't one JSON object in UTF-8
   */
  public static SequencedMap<Integer, JsonNode> read(Path file, long limit) {
    return InputFile.reading(file, () -> objects(file, limit));
  }

  private static SequencedMap<Integer, JsonNode> objects(Path file, long limit) throws IOException {
    String text = Utf8.read(file);
    SequencedMap<Integer, JsonNode> objects = new LinkedHashMap<>();
    int number = 0;
    int start = !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? 1 : 0;
    // Not by lines(): in JSON a string may hold what it takes for a line's end.
    while (start < text.length() && objects.size() < limit) {
      int newline = text.indexOf('\n', start);
      int end = newline < 0 ? text.length() : newline;
      String line = text.substring(start, end);
      number++;
      if (!line.isBlank()) {
        objects.put(number, object(line, ErrorDetails.part(file, "line " + number)));
      }
      start = end + 1;
    }
    return objects;
  }

  /**
   * Returns the object that a line is.
   *
   * @param where the file and the line, for messages
   * @throws InputException if it isn't one JSON object
   */
  static JsonNode object(String line, ErrorDetails where) throws IOException {
    try (JsonParser parser = JSON.createParser(line)) {
      parser.nextToken();
      JsonNode value = JsonTree.value(parser);
      if (!value.isObject()) {
        throw where.wrong("a JSON object", found(value.asToken(), value.asText()));
      }
      if (parser.nextToken() != null) {
        throw where.wrong("one JSON object", "more after it");
      }
      return value;
    } catch (JsonProcessingException e) {
      throw where
          .expected("a JSON object", "no JSON: " + JsonTree.reason(e))
          .broken("not JSON: " + JsonTree.reason(e), e);
    }
  }

  /**
   * Returns what was found in the place of something else, in words.
   *
   * @param token null for the end of the text
   * @param text the token's own, for one that is shown as it is
   */
  static String found(JsonToken token, String text) {
    return switch (token) {
      case null -> "the end";
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      default -> Printable.of(text);
    };
  }
}
