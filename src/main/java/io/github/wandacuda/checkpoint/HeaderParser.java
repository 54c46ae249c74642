package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonInput;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the JSON of a safetensors header; {@link TensorLayout} checks the layout. */
final class HeaderParser {
  /** The key of the only entry that is no tensor. */
  static final String METADATA = "__metadata__";

  private static final String HEADER = "header";
  private static final int MOST_DIMENSIONS = 64;
  private static final int MOST_KEYS = 64;

  /**
   * The metadata's length at most, in characters, each entry counted as {@link #ENTRY} more: so the
   * memory of many short ones is bounded too.
   */
  private static final int MOST_METADATA = 1 << 24;

  private static final int ENTRY = 100;

  private final Path file;
  private final int headerBytes;
  private final JsonParser json;
  private final Map<String, TensorInfo> tensors = new HashMap<>();

  /** One object for each type and shape, since they recur and a file may have a million tensors. */
  private final Map<Object, Object> seen = new HashMap<>();

  private Map<String, String> metadata;
  private long metadataSize;

  private HeaderParser(Path file, int headerBytes, JsonParser json) {
    this.file = file;
    this.headerBytes = headerBytes;
    this.json = json;
  }

  /**
   * Reads a header and checks each tensor by itself.
   *
   * @param file for messages, or null for one in memory
   * @param bytes the file's start, up to the end of the header
   * @param offset where the JSON starts
   * @throws io.github.wandacuda.error.InputException if it isn't what the format asks for, names a
   *     tensor twice, or has more tensors, dimensions or metadata than any model needs
   */
  static SafetensorsHeader parse(Path file, byte[] bytes, int offset) {
    if (offset == bytes.length || bytes[offset] != '{') {
      String found =
          offset == bytes.length ? "no byte" : "byte 0x%02x".formatted(bytes[offset] & 0xff);
      throw ErrorDetails.part(file, HEADER).wrong("'{' as its first byte", found);
    }
    return JsonInput.read(
        file,
        HEADER,
        new ByteArrayInputStream(bytes, offset, bytes.length - offset),
        json -> new HeaderParser(file, bytes.length, json).read());
  }

  private SafetensorsHeader read() throws IOException {
    json.nextToken();
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      json.nextToken();
      if (name.equals(METADATA)) {
        readMetadata();
      } else {
        readTensor(name);
      }
    }
    return new SafetensorsHeader(
        headerBytes,
        metadata == null ? Map.of() : Collections.unmodifiableMap(metadata),
        TensorLayout.ordered(tensors.values()),
        Collections.unmodifiableMap(tensors));
  }

  private void readMetadata() throws IOException {
    if (metadata != null) {
      throw ErrorDetails.part(file, HEADER).wrong("one " + METADATA, "a second one");
    }
    metadata = new LinkedHashMap<>();
    JsonInput.require(json, JsonToken.START_OBJECT, ErrorDetails.part(file, METADATA), "an object");
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      ErrorDetails place =
          ErrorDetails.part(file, "%s entry %s".formatted(METADATA, Printable.of(key)));
      json.nextToken();
      JsonInput.require(json, JsonToken.VALUE_STRING, place, "a string");
      String value = json.getText();
      metadataSize += key.length() + value.length() + ENTRY;
      if (metadataSize > MOST_METADATA) {
        throw ErrorDetails.part(file, METADATA)
            .wrong("at most %d characters".formatted(MOST_METADATA), "more");
      }
      if (metadata.put(key, value) != null) {
        throw place.wrong("one value", "a second one");
      }
    }
  }

  private void readTensor(String name) throws IOException {
    ErrorDetails place = ErrorDetails.tensor(file, name);
    TensorNames.requireLength(file, name);
    if (tensors.size() == TensorNames.MOST) {
      throw ErrorDetails.part(file, HEADER)
          .wrong("at most %d tensors".formatted(TensorNames.MOST), "more");
    }
    if (tensors.containsKey(name)) {
      throw place.wrong("one entry", "a second one");
    }
    JsonInput.require(json, JsonToken.START_OBJECT, place, "an object");
    String dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    Set<String> keys = new HashSet<>();
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      if (!keys.add(key)) {
        throw place.wrong("one " + Printable.of(key), "a second one");
      }
      if (keys.size() > MOST_KEYS) {
        throw place.wrong("at most %d keys".formatted(MOST_KEYS), "more");
      }
      json.nextToken();
      switch (key) {
        case "dtype" -> {
          JsonInput.require(json, JsonToken.VALUE_STRING, place, "a string as dtype");
          dtype = json.getText();
        }
        case "shape" -> shape = readSizes(place, key, MOST_DIMENSIONS);
        case "data_offsets" -> offsets = readSizes(place, key, 2);
        default -> json.skipChildren();
      }
    }
    require(dtype != null, place, "dtype");
    require(shape != null, place, "shape");
    require(offsets != null, place, "data_offsets");
    if (offsets.size() != 2) {
      throw place.wrong("two data_offsets", offsets.toString());
    }
    TensorInfo info =
        new TensorInfo(name, once(dtype), once(List.copyOf(shape)), offsets.get(0), offsets.get(1));
    TensorLayout.checkSize(file, info);
    tensors.put(name, info);
  }

  /** Returns the first object that was equal to this one. */
  @SuppressWarnings("unchecked") // What is equal to a string or a list is one.
  private <T> T once(T value) {
    Object first = seen.putIfAbsent(value, value);
    return first == null ? value : (T) first;
  }

  private List<Long> readSizes(ErrorDetails place, String key, int most) throws IOException {
    JsonInput.require(json, JsonToken.START_ARRAY, place, "an array as " + key);
    List<Long> sizes = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (sizes.size() == most) {
        throw place.wrong("at most %d numbers in %s".formatted(most, key), "more");
      }
      sizes.add(readSize(place, key));
    }
    return sizes;
  }

  private long readSize(ErrorDetails place, String key) throws IOException {
    // "-0" has the value 0, and still is no unsigned integer.
    boolean fits =
        json.currentToken() == JsonToken.VALUE_NUMBER_INT
            && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER
            && !json.getText().startsWith("-");
    if (!fits) {
      String expected = "integers from 0 to %d in %s".formatted(Long.MAX_VALUE, key);
      throw place.wrong(expected, JsonInput.found(json));
    }
    return json.getLongValue();
  }

  private void require(boolean present, ErrorDetails place, String key) {
    if (!present) {
      throw place.wrong(key, "none");
    }
  }
}
