package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.input.InputFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Which shard holds which tensor, as {@code model.safetensors.index.json} says. Its metadata (a
 * total size that is often wrong) is not looked at.
 *
 * @param path the index
 * @param shardOf the file name of each tensor's shard
 */
record CheckpointIndex(Path path, Map<String, String> shardOf) {
  private static final String WEIGHT_MAP = "weight_map";

  /**
   * Reads an index.
   *
   * @throws InputException if it isn't one, or names a file outside of its own folder
   */
  static CheckpointIndex read(Path path) {
    byte[] bytes;
    try (InputStream in = InputFile.stream(path)) {
      bytes = in.readNBytes(JsonInput.LONGEST + 1);
    } catch (IOException e) {
      throw Malformed.unreadable(path, "an index", e);
    }
    if (bytes.length > JsonInput.LONGEST) {
      throw Malformed.file(path, "at most %d bytes".formatted(JsonInput.LONGEST), "more");
    }
    return JsonInput.read(path, "index", bytes, 0, json -> read(path, json));
  }

  /** Returns the shards' file names in order. */
  SortedSet<String> shards() {
    SortedSet<String> shards = new TreeSet<>(TensorNames.ORDER);
    shards.addAll(shardOf.values());
    return shards;
  }

  private static CheckpointIndex read(Path path, JsonParser json) throws IOException {
    expect(path, json, json.nextToken() == JsonToken.START_OBJECT, "index", "an object");
    Map<String, String> shardOf = null;
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      json.nextToken();
      if (!key.equals(WEIGHT_MAP)) {
        json.skipChildren();
      } else if (shardOf == null) {
        shardOf = readWeightMap(path, json);
      } else {
        throw Malformed.part(path, "index", "one " + WEIGHT_MAP, "a second one");
      }
    }
    if (shardOf == null || shardOf.isEmpty()) {
      throw Malformed.part(
          path, "index", WEIGHT_MAP + " with tensors", shardOf == null ? "none" : "an empty one");
    }
    return new CheckpointIndex(path, shardOf);
  }

  private static Map<String, String> readWeightMap(Path path, JsonParser json) throws IOException {
    expect(path, json, json.currentToken() == JsonToken.START_OBJECT, WEIGHT_MAP, "an object");
    Map<String, String> shardOf = new LinkedHashMap<>();
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw Malformed.tensor(path, name, "a file name", JsonInput.found(json));
      }
      String shard = json.getText();
      if (!isPlain(shard)) {
        throw Malformed.tensor(
            path, name, "the name of a file beside the index", '"' + Printable.of(shard) + '"');
      }
      if (shardOf.put(name, shard) != null) {
        throw Malformed.tensor(path, name, "one shard", "a second one");
      }
    }
    return shardOf;
  }

  private static boolean isPlain(String name) {
    if (name.isEmpty() || name.equals(".") || name.equals("..")) {
      return false;
    }
    if (name.indexOf('/') >= 0 || name.indexOf('\\') >= 0 || name.indexOf('\0') >= 0) {
      return false;
    }
    try {
      Path path = Path.of(name);
      return !path.isAbsolute() && path.getRoot() == null && path.getNameCount() == 1;
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static void expect(Path path, JsonParser json, boolean held, String part, String expected)
      throws IOException {
    if (!held) {
      throw Malformed.part(path, part, expected, JsonInput.found(json));
    }
  }
}
