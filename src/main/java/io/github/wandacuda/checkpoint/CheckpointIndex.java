package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonInput;
import io.github.wandacuda.io.JsonText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;

/**
 * Which shard holds which tensor, as {@code model.safetensors.index.json} says. Its metadata, a
 * total size that is often wrong, is ignored. A map of a million tensors would take as much memory
 * as their headers, so the file is read once more where the map is needed.
 *
 * @param shards the shards' file names, in code-point order
 * @param tensors how many tensors it names
 */
record CheckpointIndex(Path path, SortedSet<String> shards, int tensors) {
  private static final String INDEX = "index";
  private static final String WEIGHT_MAP = "weight_map";

  /**
   * Reads an index and checks all of it.
   *
   * @throws io.github.wandacuda.error.InputException if it isn't one, names no tensor or one twice,
   *     or names a shard outside of its own folder or by a name that is kept for other files
   */
  static CheckpointIndex read(Path path) {
    SortedSet<String> shards = new TreeSet<>(TensorNames.ORDER);
    Set<String> names = new HashSet<>();
    visit(
        path,
        (name, shard) -> {
          shards.add(shard);
          if (!names.add(name)) {
            throw ErrorDetails.tensor(path, name).wrong("one shard", "a second one");
          }
          if (names.size() > TensorNames.MOST) {
            throw ErrorDetails.part(path, INDEX)
                .wrong("at most %d tensors".formatted(TensorNames.MOST), "more");
          }
        });
    return new CheckpointIndex(path, shards, names.size());
  }

  /**
   * Returns the content of an index of the given shards, ending in a line break. Equal tensors in
   * equal shards have equal bytes.
   *
   * @param shards which needn't be written yet
   * @return JSON in UTF-8
   */
  static byte[] bytesOf(List<SafetensorsFile> shards) {
    SortedMap<String, Object> map = new TreeMap<>();
    long bytes = 0;
    for (SafetensorsFile shard : shards) {
      for (TensorInfo tensor : shard.stored()) {
        map.put(tensor.name(), shard.path().getFileName().toString());
        bytes += tensor.bytes();
      }
    }
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("metadata", Map.of("total_size", bytes));
    content.put("weight_map", map);
    return (JsonText.of(content) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads an index tensor by tensor.
   *
   * @param visitor takes each tensor's name and the file name of its shard, in the file's order
   * @throws io.github.wandacuda.error.InputException if it isn't an index
   */
  static void visit(Path path, BiConsumer<String, String> visitor) {
    InputFile.reading(
        path,
        () -> {
          long unused = InputFile.size(path, JsonInput.LONGEST);
          return JsonInput.read(
              path, INDEX, InputFile.stream(path), json -> readAll(path, json, visitor));
        });
  }

  private static int readAll(Path path, JsonParser json, BiConsumer<String, String> visitor)
      throws IOException {
    json.nextToken();
    JsonInput.require(json, JsonToken.START_OBJECT, ErrorDetails.part(path, INDEX), "an object");
    int tensors = -1;
    for (String key = json.nextFieldName(); key != null; key = json.nextFieldName()) {
      json.nextToken();
      if (!key.equals(WEIGHT_MAP)) {
        json.skipChildren();
      } else if (tensors < 0) {
        tensors = readWeightMap(path, json, visitor);
      } else {
        throw ErrorDetails.part(path, INDEX).wrong("one " + WEIGHT_MAP, "a second one");
      }
    }
    if (tensors <= 0) {
      throw ErrorDetails.part(path, INDEX)
          .wrong(WEIGHT_MAP + " with tensors", tensors < 0 ? "none" : "an empty one");
    }
    return tensors;
  }

  private static int readWeightMap(Path path, JsonParser json, BiConsumer<String, String> visitor)
      throws IOException {
    JsonInput.require(
        json, JsonToken.START_OBJECT, ErrorDetails.part(path, WEIGHT_MAP), "an object");
    int tensors = 0;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      TensorNames.requireLength(path, name);
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw ErrorDetails.tensor(path, name).wrong("a file name", JsonInput.found(json));
      }
      String shard = json.getText();
      if (!isPlain(shard)) {
        throw ErrorDetails.tensor(path, name)
            .wrong("the name of a file beside the index", '"' + Printable.of(shard) + '"');
      }
      if (SideFiles.isReserved(shard)) {
        throw ErrorDetails.tensor(path, name)
            .hint("that name is kept for a file of another kind, which would be lost by it")
            .wrong("the name of a shard", '"' + Printable.of(shard) + '"');
      }
      visitor.accept(name, shard);
      tensors++;
    }
    return tensors;
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
}
