package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The keys of a model that is written in GGUF, made of its {@code config.json}: what {@link
 * GgufConfig} reads, the other way round. What llama.cpp has no key for and would compute otherwise
 * is refused.
 *
 * @param file the config, for messages
 * @param config its content, with the family's defaults
 * @param shapes of all tensors, by their names
 */
record GgufExportKeys(
    Path file, JsonNode config, GgufArchitecture architecture, Map<String, List<Long>> shapes) {
  private static final String FEED_FORWARD = "feed_forward_length";
  private static final String ROTATED = "rope.dimension_count";
  private static final String WINDOW = "attention.sliding_window";

  /** Ends of the names of keys with a fraction. */
  private static final List<String> REALS = List.of("_epsilon", "freq_base", "scale");

  /** What {@code general.file_type} says of a file, by the type of its matrices. */
  private static final Map<GgufType, Integer> FILE_TYPES =
      Map.of(
          GgufType.F32, 0,
          GgufType.F16, 1,
          GgufType.Q4_0, 2,
          GgufType.Q4_1, 3,
          GgufType.Q8_0, 7,
          GgufType.Q5_0, 8,
          GgufType.Q5_1, 9,
          GgufType.BF16, 32);

  private static final int MOST_FEATURES = 1 << 16;

  private static final Set<String> UNSCALED = Set.of("default", "mrope");

  /**
   * Returns the keys of everything but the tokenizer.
   *
   * @param model the model's directory, whose name is its
   * @param sizeLabel how large the model is, in words
   * @param type of its matrices
   */
  Map<String, GgufValue> all(Path model, String sizeLabel, GgufType type) {
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put(GgufKeys.ARCHITECTURE, GgufValue.of(architecture.name()));
    keys.put("general.type", GgufValue.of("model"));
    keys.put("general.name", GgufValue.of(name(model)));
    keys.put("general.size_label", GgufValue.of(sizeLabel));
    keys.put("general.file_type", GgufValue.of(FILE_TYPES.get(type)));
    keys.put("general.quantization_version", GgufValue.of(2));
    own().forEach((key, value) -> keys.put(architecture.name() + "." + key, value));
    return keys;
  }

  /** Returns the name of a folder in words, as llama.cpp's converter makes it. */
  private static String name(Path model) {
    String folder = model.toAbsolutePath().normalize().getFileName().toString();
    return Stream.of(folder.split("-"))
        .filter(word -> !word.isEmpty())
        .map(
            word ->
                word.equals(word.toLowerCase(Locale.ROOT))
                    ? word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1)
                    : word)
        .collect(Collectors.joining(" "));
  }

  /** Returns the architecture's keys by their names without it. */
  private Map<String, GgufValue> own() {
    requireKnown();
    Map<String, GgufValue> keys = new TreeMap<>();
    architecture.config().forEach((key, to) -> put(key, to, keys));
    keys.put(GgufKeys.BLOCK_COUNT, GgufValue.of(blocks()));
    keys.put(
        GgufKeys.KEY_VALUE_HEADS,
        whole(
            config.hasNonNull("num_key_value_heads")
                ? "num_key_value_heads"
                : "num_attention_heads",
            true));
    int head = headSize();
    if (config.hasNonNull("head_dim")) {
      keys.put("attention.value_length", GgufValue.of(head));
    }
    keys.computeIfAbsent(FEED_FORWARD, unused -> GgufValue.of(blockRows("ffn_up.weight")));
    putScaling(keys);
    if (architecture.writing().keys().contains(ROTATED)) {
      keys.put(ROTATED, GgufValue.of(head));
    }
    keys.put("vocab_size", GgufValue.of((int) (long) shapes.get(GgufTensor.EMBEDDING).getFirst()));
    return keys;
  }

  private void put(String key, String to, Map<String, GgufValue> keys) {
    // llama.cpp takes no window in these architectures.
    if (!to.startsWith("@") && !to.equals(WINDOW) && config.hasNonNull(key)) {
      keys.put(to, REALS.stream().anyMatch(to::endsWith) ? real(key) : whole(key, true));
    } else if (key.equals("rope_theta") && parameters().hasNonNull(key)) {
      keys.put(to, GgufValue.of(number("rope_theta", parameters().get(key))));
    }
  }

  /** Refuses what the architecture of llama.cpp computes otherwise, without a key that says so. */
  private void requireKnown() {
    boolean qwen = architecture.name().startsWith("qwen");
    if (config.hasNonNull("sliding_window")
        && (!qwen || config.path("use_sliding_window").asBoolean(false))) {
      throw wrong("sliding_window", "null, as llama.cpp has none here");
    }
    double share =
        parameters()
            .path("partial_rotary_factor")
            .asDouble(config.path("partial_rotary_factor").asDouble(1));
    if (share != 1) {
      throw wrong("partial_rotary_factor", "1");
    }
    for (Map.Entry<String, JsonNode> constant : architecture.constants().properties()) {
      if (config.hasNonNull(constant.getKey())
          && constant.getValue().isValueNode()
          && !constant.getKey().equals("hidden_activation")
          && !config.get(constant.getKey()).equals(constant.getValue())) {
        throw wrong(constant.getKey(), constant.getValue().toString());
      }
    }
    if (architecture.constants().isMissingNode()
        && !config.path("hidden_act").asText("silu").equals("silu")) {
      throw wrong("hidden_act", "silu");
    }
    if (!config.path("clip_qkv").isNull() && config.has("clip_qkv")) {
      throw wrong("clip_qkv", "null");
    }
  }

  private RuntimeException wrong(String key, String expected) {
    JsonNode found = config.hasNonNull(key) ? config.get(key) : parameters().path(key);
    return ErrorDetails.part(file, key)
        .wrong(
            "%s, for a %s in GGUF".formatted(expected, architecture.name()),
            Printable.of(found.isMissingNode() ? "nothing" : found.toString()));
  }

  private int blocks() {
    int blocks = (int) whole("num_hidden_layers");
    for (String name : shapes.keySet()) {
      boolean further =
          name.startsWith("blk.")
              && Integer.parseInt(name.substring(4, name.indexOf('.', 4))) >= blocks;
      if (further) {
        throw wrong("num_hidden_layers", "as many blocks as there are tensors of");
      }
    }
    List<String> first = namesIn(0);
    for (int block = 0; block < blocks; block++) {
      if (first.isEmpty() || !namesIn(block).equals(first)) {
        throw ErrorDetails.part(file, "num_hidden_layers")
            .wrong(
                "%d blocks with the same tensors, for a %s in GGUF"
                    .formatted(blocks, architecture.name()),
                "others in block " + block);
      }
    }
    return blocks;
  }

  private List<String> namesIn(int block) {
    String prefix = "blk.%d.".formatted(block);
    return shapes.keySet().stream()
        .filter(name -> name.startsWith(prefix))
        .map(name -> name.substring(prefix.length()))
        .sorted()
        .toList();
  }

  private int blockRows(String tensor) {
    List<Long> shape = shapes.get("blk.0." + tensor);
    if (shape == null) {
      throw wrong("intermediate_size", "a positive whole number");
    }
    return Math.toIntExact(shape.getFirst());
  }

  private GgufValue whole(String key, boolean positive) {
    if (config.path(key).isBoolean()) {
      return GgufValue.of(config.get(key).booleanValue());
    }
    long number = whole(key);
    if (positive && number < 1) {
      throw wrong(key, "a positive whole number");
    }
    return GgufValue.of((int) number);
  }

  private long whole(String key) {
    JsonNode value = config.path(key);
    if (!value.canConvertToInt() || !value.isIntegralNumber() || value.intValue() < 0) {
      throw wrong(key, "a whole number");
    }
    return value.intValue();
  }

  private int headSize() {
    String heads = "num_attention_heads";
    long size =
        config.hasNonNull("head_dim")
            ? whole("head_dim")
            : whole("hidden_size") / Math.max(1, whole(heads));
    // Far more than any model has.
    if (size < 1 || size > MOST_FEATURES) {
      throw wrong(
          config.hasNonNull("head_dim") ? "head_dim" : heads,
          "heads of 1 to %d features".formatted(MOST_FEATURES));
    }
    return (int) size;
  }

  private GgufValue real(String key) {
    return GgufValue.of(number(key, config.path(key)));
  }

  private float number(String key, JsonNode value) {
    if (!value.isNumber() || !Float.isFinite(value.floatValue())) {
      throw wrong(key, "a number");
    }
    return (float) value.doubleValue();
  }

  /** Returns the object that says how positions are scaled, or a missing or null one. */
  private JsonNode parameters() {
    JsonNode newer = config.path("rope_parameters");
    return newer.isObject() ? newer : config.path("rope_scaling");
  }

  private String scaling() {
    JsonNode parameters = parameters();
    return parameters.path("rope_type").asText(parameters.path("type").asText("default"));
  }

  private void putScaling(Map<String, GgufValue> keys) {
    String kind = scaling();
    if (kind.equals("linear") || kind.equals("yarn")) {
      keys.put("rope.scaling.type", GgufValue.of(kind));
      keys.put("rope.scaling.factor", setting("factor", 1));
    } else if (!kind.equals("llama3") && !UNSCALED.contains(kind)) {
      throw ErrorDetails.part(file, "rope_scaling")
          .wrong("default, linear, llama3 or yarn, for GGUF", Printable.of(kind));
    }
    if (kind.equals("yarn")) {
      for (String other : List.of("attention_factor", "mscale", "mscale_all_dim", "truncate")) {
        if (parameters().hasNonNull(other)) {
          throw ErrorDetails.part(file, "rope_scaling")
              .wrong(
                  "no %s, for GGUF".formatted(other),
                  Printable.of(parameters().get(other).toString()));
        }
      }
      int positions =
          parameters()
              .path("original_max_position_embeddings")
              .asInt((int) whole("max_position_embeddings"));
      keys.put("rope.scaling.original_context_length", GgufValue.of(positions));
      keys.put("rope.scaling.yarn_beta_fast", setting("beta_fast", 32));
      keys.put("rope.scaling.yarn_beta_slow", setting("beta_slow", 1));
    }
  }

  private GgufValue setting(String key, float otherwise) {
    return GgufValue.of(setting(key, (double) otherwise));
  }

  private float setting(String key, double otherwise) {
    JsonNode value = parameters().path(key);
    return value.isMissingNode() || value.isNull()
        ? (float) otherwise
        : number("rope_scaling", value);
  }

  /**
   * Returns the numbers by which Llama 3.1 divides frequencies (llama.cpp's {@code
   * generate_extra_tensors}), or nothing for others.
   */
  Optional<float[]> frequencies() {
    if (!scaling().equals("llama3")) {
      return Optional.empty();
    }
    JsonNode theta = parameters().hasNonNull("rope_theta") ? parameters() : config;
    double base = theta.path("rope_theta").asDouble(10_000);
    int head = headSize();
    float factor = setting("factor", 8.0);
    float low = setting("low_freq_factor", 1.0);
    float high = setting("high_freq_factor", 4.0);
    float old = setting("original_max_position_embeddings", 8192.0);
    float[] divisors = new float[head / 2];
    for (int pair = 0; pair < divisors.length; pair++) {
      // Each step in float32, as the converter has it.
      float frequency = 1 / (float) Math.pow(base, 2f * pair / head);
      float length = (float) (2 * Math.PI) / frequency;
      float smooth = (old / length - low) / (high - low);
      divisors[pair] =
          length < old / high
              ? 1
              : length > old / low ? factor : 1 / ((1 - smooth) / factor + smooth);
    }
    return Optional.of(divisors);
  }
}
