package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The {@code config.json} of a packed model. It has the keys of the source's config. Only what that
 * says of quantization is replaced, by a method that no loader knows, so that loaders refuse the
 * model and say that method's name. The source's bytes are in it too, so that unpacking gives them
 * back.
 */
public final class PackedConfig {
  private static final String QUANTIZATION = "quantization_config";

  /** Where loaders look for a method of quantization; the second one is older. */
  private static final Set<String> QUANTIZATIONS = Set.of(QUANTIZATION, "compression_config");

  private static final String METHOD_KEY = "quant_method";
  private static final String METHOD = "wanda-cuda-packed";
  private static final String FORMAT_KEY = "format";
  private static final String NOTE_KEY = "note";
  private static final String NOTE =
      "zeros are left out of the weights; wanda-cuda unpack undoes it";
  private static final String SOURCE_KEY = "source_config";

  private PackedConfig() {}

  /** Returns whether a config says that its model is packed, in whatever version. */
  public static boolean isPacked(JsonNode config) {
    return METHOD.equals(config.path(QUANTIZATION).path(METHOD_KEY).asText(""));
  }

  /**
   * Returns the packed model's config.
   *
   * @param file the source's, for messages
   * @param source its bytes, a JSON object
   * @throws InputException if they aren't one
   */
  public static byte[] packed(Path file, byte[] source) {
    Map<String, Object> marker = new LinkedHashMap<>();
    marker.put(METHOD_KEY, METHOD);
    marker.put(FORMAT_KEY, PackedFormat.FORMAT);
    marker.put(NOTE_KEY, NOTE);
    marker.put(SOURCE_KEY, Base64.getEncoder().encodeToString(source));
    Map<String, Object> config = new LinkedHashMap<>();
    config.put(QUANTIZATION, marker);
    config.putAll(others(tree(file, source)));
    return (JsonText.of(config) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Returns the bytes of the source's config, or the same if this one isn't packed.
   *
   * @param file for messages
   * @param packed the bytes of a model's config, packed or not
   * @throws InputException if it is of another version, damaged, or its other keys aren't the
   *     source's
   */
  public static byte[] source(Path file, byte[] packed) {
    JsonNode config = tree(file, packed);
    if (!isPacked(config)) {
      return packed;
    }
    JsonNode marker = config.get(QUANTIZATION);
    String format = marker.path(FORMAT_KEY).asText("none");
    if (!format.equals(PackedFormat.FORMAT)) {
      throw place(file, FORMAT_KEY)
          .hint("another version of wanda-cuda has packed it")
          .wrong(PackedFormat.FORMAT, Printable.of(format));
    }
    byte[] source = decoded(file, marker.path(SOURCE_KEY));
    Map<String, Object> expected = others(tree(file, source));
    Map<String, Object> found = others(config);
    if (!expected.equals(found)) {
      throw ErrorDetails.part(file, Printable.of(firstDifference(expected, found)))
          .hint("a packed model's config can't be changed: unpack it, change it, pack it")
          .wrong("what %s.%s holds".formatted(QUANTIZATION, SOURCE_KEY), "something else");
    }
    return source;
  }

  private static String firstDifference(Map<String, Object> expected, Map<String, Object> found) {
    List<String> keys = new ArrayList<>(expected.keySet());
    keys.addAll(found.keySet());
    return keys.stream()
        .filter(
            key ->
                expected.containsKey(key) != found.containsKey(key)
                    || !String.valueOf(expected.get(key)).equals(String.valueOf(found.get(key))))
        .findFirst()
        .orElse("its keys");
  }

  private static byte[] decoded(Path file, JsonNode text) {
    try {
      if (text.isTextual()) {
        return Base64.getDecoder().decode(text.textValue());
      }
    } catch (IllegalArgumentException noBase64) {
      throw place(file, SOURCE_KEY).wrong("Base64", Printable.of(noBase64.getMessage()), noBase64);
    }
    throw place(file, SOURCE_KEY).wrong("the source's config.json in Base64", "none");
  }

  private static ErrorDetails place(Path file, String key) {
    return ErrorDetails.part(file, QUANTIZATION + "." + key);
  }

  private static JsonNode tree(Path file, byte[] config) {
    return InputFile.reading(
        file, () -> JsonTree.object(file, null, new ByteArrayInputStream(config)));
  }

  /** Returns the values of all keys that say nothing of quantization. */
  private static Map<String, Object> others(JsonNode config) {
    Map<String, Object> values = JsonTree.map(config);
    values.keySet().removeAll(QUANTIZATIONS);
    return values;
  }
}
