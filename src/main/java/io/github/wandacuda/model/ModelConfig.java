package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.quantized.Quantization;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * A model's {@code config.json}, with errors that name the file, the key, what was expected and
 * what was found.
 *
 * @param file its path
 * @param root its content, an object; of a packed model that of its source
 * @param packed whether it says that the model's weights are packed
 * @param family the family that a file describes, or null for that of the model type
 */
public record ModelConfig(Path file, JsonNode root, boolean packed, GivenFamily family) {
  /**
   * A family of decoders that the program doesn't know by itself, as a user's file describes it.
   *
   * @param file the user's file
   */
  public record GivenFamily(Path file, DecoderFamily family) {}

  private static final String AGAIN = "take config.json again from where the model came from";

  /** What works for a model whose forward pass isn't known, for a failure's hint. */
  public static final String WITHOUT_A_PASS =
      "`statistics` and `method` magnitude of 'wanda-cuda prune' need no forward pass";

  public static final String FILE_NAME = SideFiles.CONFIG;

  /** Far beyond any model's sizes, and small enough that the sum of a few fits into an int. */
  public static final int MOST = 1 << 27;

  /** Makes the config of a model that isn't packed. */
  public ModelConfig(Path file, JsonNode root) {
    this(file, root, false, null);
  }

  /**
   * Reads {@code directory/config.json}; of a packed model, what it says of the model that was
   * packed.
   *
   * @throws InputException if it is missing or no JSON object
   */
  public static ModelConfig read(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    return InputFile.reading(file, () -> of(file));
  }

  private static ModelConfig of(Path file) throws IOException {
    try {
      JsonNode root = JsonTree.object(file, AGAIN);
      if (PackedConfig.isPacked(root)) {
        byte[] source = PackedConfig.source(file, InputFile.bytes(file));
        return new ModelConfig(file, JsonTree.read(new ByteArrayInputStream(source)), true, null);
      }
      return new ModelConfig(file, root);
    } catch (NoSuchFileException e) {
      throw ErrorDetails.file(file)
          .hint("name the folder that holds config.json and the .safetensors files")
          .wrong("a model directory's config.json", "no such file", e);
    }
  }

  /**
   * Returns the config's content: of a packed model that of its source, of a model in GGUF what was
   * made of its keys.
   */
  public byte[] bytes() {
    return file.endsWith(FILE_NAME)
        ? PackedConfig.source(file, InputFile.bytes(file))
        : root.toString().getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Returns the config of the decoder: in a model that reads pictures or sound as well, its {@code
   * text_config}.
   */
  public ModelConfig decoder() {
    JsonNode text = root.path("text_config");
    return text.isObject() ? new ModelConfig(file, text, packed, family) : this;
  }

  /**
   * Returns where a key is given, and what it says there: in the config and in its {@code
   * text_config}. Values that are null are left out.
   *
   * @return the values by the key's path, which is {@code key} or {@code text_config.key}
   */
  public Map<String, JsonNode> values(String key) {
    Map<String, JsonNode> values = new TreeMap<>();
    values.put(key, root.path(key));
    values.put("text_config." + key, root.path("text_config").path(key));
    values.values().removeIf(value -> value.isMissingNode() || value.isNull());
    return values;
  }

  /**
   * Returns the same config with values for the keys that it lacks.
   *
   * @param defaults an object in JSON
   */
  public ModelConfig having(String defaults) {
    ObjectNode all = root.deepCopy();
    JsonTree.made(defaults)
        .properties()
        .forEach(key -> all.putIfAbsent(key.getKey(), key.getValue()));
    return new ModelConfig(file, all, packed, family);
  }

  /**
   * Returns another config with this one's path and family.
   *
   * @param json its content, an object in UTF-8
   */
  public ModelConfig with(byte[] json) {
    return new ModelConfig(
        file, JsonTree.made(new String(json, StandardCharsets.UTF_8)), packed, family);
  }

  /** Returns the same config, of a family that a file describes; of none if that is null. */
  ModelConfig of(GivenFamily described) {
    return new ModelConfig(file, root, packed, described);
  }

  /** Returns {@code model_type}, or an empty string. */
  public String modelType() {
    return root.path("model_type").asText("");
  }

  /** Returns the first of {@code architectures}, or an empty string. */
  public String architecture() {
    return root.path("architectures").path(0).asText("");
  }

  /** Returns the value of a key, unless it is absent or null. */
  public Optional<JsonNode> find(String key) {
    return root.hasNonNull(key) ? Optional.of(root.path(key)) : Optional.empty();
  }

  /**
   * Returns a positive whole number.
   *
   * @throws InputException if the key is absent or something else
   */
  public int positive(String key) {
    return positive(key, find(key).orElseThrow(() -> missing(key, "a positive whole number")));
  }

  /**
   * Returns a positive whole number, or {@code otherwise} if the key is absent or null.
   *
   * @throws InputException if it is something else
   */
  public int positive(String key, int otherwise) {
    return find(key).map(value -> positive(key, value)).orElse(otherwise);
  }

  /**
   * Returns a whole number from 0 on, or {@code otherwise} if the key is absent or null.
   *
   * @throws InputException if it is something else
   */
  public int whole(String key, int otherwise) {
    Optional<JsonNode> value = find(key);
    boolean none = value.isPresent() && value.get().isInt() && value.get().intValue() == 0;
    return none ? 0 : positive(key, otherwise);
  }

  /**
   * Returns a positive whole number that configs have under several names.
   *
   * @param keys the names; the first one that is present counts
   * @throws InputException if all of them are absent, or the first that isn't is something else
   */
  public int positive(List<String> keys) {
    return positive(keys.stream().filter(root::hasNonNull).findFirst().orElse(keys.get(0)));
  }

  /** Returns a value that has to be a positive whole number of at most {@link #MOST}. */
  private int positive(String key, JsonNode value) {
    if (!value.isIntegralNumber() || value.bigIntegerValue().signum() < 1) {
      throw wrong(key, "a positive whole number", value);
    }
    if (!value.canConvertToInt() || value.intValue() > MOST) {
      throw wrong(key, "a positive whole number of at most " + MOST, value);
    }
    return value.intValue();
  }

  /**
   * Checks that a product of sizes isn't larger than any tensor's width, so that it fits into an
   * int.
   *
   * @param key one of the sizes, for the message
   * @param width the product
   * @throws InputException if it is larger
   */
  public void requireWidth(String key, long width) {
    if (width > MOST) {
      throw ErrorDetails.part(file, key).wrong("a width of at most %d".formatted(MOST), width);
    }
  }

  /**
   * Returns true or false, or {@code otherwise} if the key is absent or null.
   *
   * @throws InputException if it is something else
   */
  public boolean flag(String key, boolean otherwise) {
    return get(key, JsonNode::isBoolean, "true or false")
        .map(JsonNode::booleanValue)
        .orElse(otherwise);
  }

  /**
   * Returns a string, or {@code otherwise} if the key is absent or null.
   *
   * @throws InputException if it is something else
   */
  public String text(String key, String otherwise) {
    return get(key, JsonNode::isTextual, "a string").map(JsonNode::textValue).orElse(otherwise);
  }

  /**
   * Returns the elements of a list, none if the key is absent or null.
   *
   * @throws InputException if it is something else
   */
  public List<JsonNode> list(String key) {
    List<JsonNode> elements = new ArrayList<>();
    get(key, JsonNode::isArray, "a list").ifPresent(list -> list.forEach(elements::add));
    return elements;
  }

  /** Returns the value of a key that is of a kind, unless it is absent or null. */
  private Optional<JsonNode> get(String key, Predicate<JsonNode> kind, String expected) {
    Optional<JsonNode> value = find(key);
    if (value.isPresent() && !kind.test(value.get())) {
      throw wrong(key, expected, value.get());
    }
    return value;
  }

  /** Returns whether a key is present, even with the value null. */
  public boolean has(String key) {
    return root.has(key);
  }

  /**
   * Returns a positive number, or {@code otherwise} if the key is absent or null.
   *
   * @throws InputException if it is something else, or beyond float32
   */
  public double number(String key, double otherwise) {
    return find(key).map(value -> number(key, value)).orElse(otherwise);
  }

  /**
   * Returns a positive number of a nested object.
   *
   * @param parent the object's key, for the message
   * @param object has the key
   * @throws InputException if the key is absent or something else
   */
  public double number(String parent, JsonNode object, String key) {
    JsonNode value = object.path(key);
    if (value.isMissingNode() || value.isNull()) {
      throw missing(parent + "." + key, "a positive number");
    }
    return number(parent + "." + key, value);
  }

  /** Bounds the number by the range of float32, in which it is computed with. */
  private double number(String key, JsonNode value) {
    if (!value.isNumber() || !(value.doubleValue() > 0)) {
      throw wrong(key, "a positive number", value);
    }
    double number = value.doubleValue();
    if (number < Float.MIN_NORMAL || number > Float.MAX_VALUE) {
      throw wrong(key, "a positive number from 1.2e-38 to 3.4e38", value);
    }
    return number;
  }

  /**
   * Returns what the config, or its {@code text_config}, says of how the weights are quantized, or
   * nothing if it says nothing.
   */
  public Optional<Quantization> quantization() {
    return Quantization.of(file, List.of(root, decoder().root));
  }

  /**
   * Checks that the weights are stored as numbers that a forward pass computes with, or quantized
   * in a format that it reads.
   *
   * @throws InputException if the model says that they are stored otherwise
   */
  public void requireRead() {
    quantization()
        .filter(quantization -> !quantization.isRead())
        .ifPresent(
            quantization -> {
              throw quantization.unread();
            });
  }

  /**
   * Returns the failure of a key whose value asks for something that the forward pass doesn't
   * compute.
   *
   * @param expected the values that it computes
   */
  public InputException notComputed(String key, String expected) {
    return notComputed(key, expected, root.path(key));
  }

  /**
   * Returns the failure of a key that asks for something that the forward pass doesn't compute. Its
   * hint names what works without a forward pass.
   *
   * @param expected the values that it computes
   * @param found the key's value
   */
  public InputException notComputed(String key, String expected, JsonNode found) {
    return new InputException(wrong(key, expected, found).details().hint(WITHOUT_A_PASS));
  }

  /** Returns the failure of a key that has the wrong value. */
  public InputException wrong(String key, String expected) {
    return wrong(key, expected, root.path(key));
  }

  /**
   * Returns the failure of a key that has the wrong value.
   *
   * @param found the value
   */
  public InputException wrong(String key, String expected, JsonNode found) {
    return ErrorDetails.part(file, key).wrong(expected, Printable.of(found.toString()));
  }

  private InputException missing(String key, String expected) {
    return ErrorDetails.part(file, key).hint(AGAIN).wrong(expected, "nothing");
  }
}
