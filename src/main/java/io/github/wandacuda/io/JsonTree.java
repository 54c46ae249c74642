package io.github.wandacuda.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON as a tree, within bounds on its size. */
public final class JsonTree {
  /**
   * A tree takes up to a hundred bytes of memory for each token; a model's config has a few hundred
   * tokens.
   */
  private static final int MOST_TOKENS = 1_000_000;

  private static final long LONGEST = 64 << 20;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(200)
                  .maxTokenCount(MOST_TOKENS)
                  .maxDocumentLength(LONGEST)
                  .build())
          .build();

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private JsonTree() {}

  /**
   * Reads the first value of a document; what follows it isn't looked at.
   *
   * @param in UTF-8, UTF-16 or UTF-32; closed
   * @return the value, or a missing node if there is nothing but white space
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it isn't JSON, is longer than 64
   *     MiB, or has more than a million tokens or 200 levels
   * @throws IOException if it can't be read
   */
  public static JsonNode read(InputStream in) throws IOException {
    try (JsonParser json = parser(new BufferedInputStream(in))) {
      return json.nextToken() == null ? MissingNode.getInstance() : value(json);
    } catch (CharacterCodingException e) {
      throw new JsonParseException(null, "other bytes than UTF-8", e);
    }
  }

  /**
   * Reads a file that holds an object, within the bounds of {@link #read}.
   *
   * @param hint what to do about a file that holds none, for the message; or null
   * @throws NoSuchFileException if it isn't there
   * @throws InputException if it can't be read, or holds no object
   */
  public static JsonNode object(Path file, String hint) throws NoSuchFileException {
    try (InputStream in = InputFile.stream(file)) {
      return object(file, hint, in);
    } catch (NoSuchFileException e) {
      throw e;
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  /**
   * Reads a file's content as an object.
   *
   * @param file names the content in messages
   * @param hint what to do about content that is none, for the message; or null
   * @param content is closed
   * @throws InputException if it holds no object
   * @throws IOException if it can't be read
   */
  public static JsonNode object(Path file, String hint, InputStream content) throws IOException {
    try {
      JsonNode root = read(content);
      if (root.isObject()) {
        return root;
      }
      throw ErrorDetails.file(file)
          .hint(hint)
          .wrong(
              "a JSON object",
              root.isMissingNode() ? "an empty file" : Printable.of(root.toString()));
    } catch (JsonProcessingException e) {
      throw notJson(ErrorDetails.file(file).hint(hint), e);
    }
  }

  /**
   * Returns the failure of a file, or a part of it, that isn't JSON.
   *
   * @param where what the message names, with a hint if there is one
   */
  public static InputException notJson(ErrorDetails where, JsonProcessingException cause) {
    JsonLocation at = cause.getLocation();
    String place = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    String problem = place + ": " + reason(cause);
    return where.expected("JSON", "none" + problem).broken("not JSON" + problem, cause);
  }

  /** Returns why something is not JSON, in the first words of the parser. */
  public static String reason(JsonProcessingException cause) {
    String message = String.valueOf(cause.getOriginalMessage());
    int end = message.indexOf(" (start marker at");
    String first = end < 0 ? message : message.substring(0, end);
    return Printable.of(first.strip().lines().findFirst().orElse("").strip());
  }

  /**
   * Reads JSON that this program has made.
   *
   * @throws UncheckedIOException if it isn't JSON after all
   */
  public static JsonNode made(String json) {
    try {
      return read(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns an object as a map of such maps, lists, strings, numbers, truth values and null. */
  public static Map<String, Object> map(JsonNode object) {
    Map<String, Object> values = new LinkedHashMap<>();
    object.properties().forEach(entry -> values.put(entry.getKey(), plain(entry.getValue())));
    return values;
  }

  /** Returns a value as {@link #map} has it. */
  public static Object plain(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> map(node);
      case ARRAY -> {
        List<Object> list = new ArrayList<>();
        node.forEach(element -> list.add(plain(element)));
        yield list;
      }
      case STRING -> node.textValue();
      case NUMBER -> node.numberValue();
      case BOOLEAN -> node.booleanValue();
      default -> null;
    };
  }

  /**
   * A value and where it is.
   *
   * @param line of its key, or where it begins if it has none, from 1
   * @param scalar null for an object or a list
   * @param fields of an object in their order, else null
   * @param elements of a list, else null
   */
  public record Located(
      int line, JsonNode scalar, Map<String, Located> fields, List<Located> elements) {}

  /**
   * Reads a value as {@link #read} does, and notes the line of each value in it.
   *
   * @return null if there is nothing but white space
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it isn't JSON, or breaks the
   *     bounds of {@link #read}
   * @throws IOException if it can't be read
   */
  public static Located located(InputStream in) throws IOException {
    try (JsonParser json = parser(new BufferedInputStream(in))) {
      return json.nextToken() == null ? null : located(json, line(json));
    } catch (CharacterCodingException e) {
      throw new JsonParseException(null, "other bytes than UTF-8", e);
    }
  }

  private static int line(JsonParser json) {
    return json.currentTokenLocation().getLineNr();
  }

  private static Located located(JsonParser json, int line) throws IOException {
    if (json.currentToken() == JsonToken.START_OBJECT) {
      Map<String, Located> fields = new LinkedHashMap<>();
      for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
        int at = line(json);
        json.nextToken();
        if (fields.put(key, located(json, at)) != null) {
          throw new JsonParseException(json, "the key '%s' is there twice".formatted(key));
        }
      }
      return new Located(line, null, fields, null);
    }
    if (json.currentToken() == JsonToken.START_ARRAY) {
      List<Located> elements = new ArrayList<>();
      while (json.nextToken() != JsonToken.END_ARRAY) {
        elements.add(located(json, line(json)));
      }
      return new Located(line, null, null, elements);
    }
    return new Located(line, value(json), null, null);
  }

  /**
   * Returns a parser of text for UTF-8, which nearly every document is in, or one that detects the
   * encoding. That one's classes take a short command 10 ms; {@link JsonInput} has loaded those of
   * the other anyway.
   */
  private static JsonParser parser(BufferedInputStream in) throws IOException {
    in.mark(2);
    int first = in.read();
    int second = in.read();
    in.reset();
    // A byte order mark begins with other bytes, and UTF-16 and UTF-32 have zeros here.
    boolean utf8 = first > 0 && first < 0x80 && second != 0;
    return utf8 ? FACTORY.createParser(JsonInput.strict(in)) : FACTORY.createParser(in);
  }

  /**
   * Reads the value that starts at the parser's current token, up to its last token.
   *
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it isn't JSON
   */
  public static JsonNode value(JsonParser json) throws IOException {
    return switch (json.currentToken()) {
      case START_OBJECT -> object(json);
      case START_ARRAY -> array(json);
      case VALUE_STRING -> NODES.textNode(json.getText());
      case VALUE_NUMBER_INT -> integer(json);
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(json.getDoubleValue());
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NULL -> NODES.nullNode();
      default -> throw new IllegalStateException("no value starts with " + json.currentToken());
    };
  }

  /** A key that occurs twice is refused, since readers differ in which value counts. */
  private static ObjectNode object(JsonParser json) throws IOException {
    ObjectNode object = NODES.objectNode();
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      json.nextToken();
      if (object.replace(key, value(json)) != null) {
        throw new JsonParseException(json, "the key '%s' is there twice".formatted(key));
      }
    }
    return object;
  }

  private static ArrayNode array(JsonParser json) throws IOException {
    ArrayNode array = NODES.arrayNode();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      array.add(value(json));
    }
    return array;
  }

  private static JsonNode integer(JsonParser json) throws IOException {
    return switch (json.getNumberType()) {
      case INT -> NODES.numberNode(json.getIntValue());
      case LONG -> NODES.numberNode(json.getLongValue());
      default -> NODES.numberNode(json.getBigIntegerValue());
    };
  }
}
