package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * The {@code config.json} that a model in GGUF would have as a directory, made of its keys.
 *
 * <p>The table of architectures has these besides keys:
 *
 * <ul>
 *   <li>{@code @blocks}: decoder blocks, without those that predict further tokens; {@code
 *       @last_block}: the number of the last one
 *   <li>{@code @head}: a head's size; {@code @key_value_heads}: heads of keys, as many as of queries
 *       where no key says otherwise
 *   <li>{@code @rotary_share}: the part of a head that is rotated, nothing where all of it is;
 *       {@code @unrotated}: the size of the part of a latent head that isn't
 *   <li>{@code @scoring}: by what function a router's outputs become scores
 *   <li>{@code @vocabulary}: rows of the embedding
 * </ul>
 */
final class GgufConfig {
  static final String ARCHITECTURE = "general.architecture";

  private static final int SIGMOID = 2;

  private final GgufFiles files;
  private final String name;
  private final GgufArchitecture architecture;
  private final ObjectNode config = JsonNodeFactory.instance.objectNode();

  GgufConfig(GgufFiles files) {
    this.files = files;
    name =
        value(ARCHITECTURE)
            .flatMap(GgufValue::text)
            .orElseThrow(() -> problem(ARCHITECTURE).wrong("the architecture's name", "none"));
    architecture = GgufArchitecture.of(files.path(), name, whole("expert_count").orElse(0) > 0);
  }

  GgufArchitecture architecture() {
    return architecture;
  }

  /**
   * Returns the config.
   *
   * @throws InputException if a key is missing without which there is none, or has another type
   */
  ObjectNode json() {
    config.put("model_type", architecture.modelType());
    architecture.config().forEach(this::put);
    config.put("tie_word_embeddings", files.find("output.weight").isEmpty());
    architecture.ifThere().forEach((key, tensor) -> config.put(key, hasInFirstBlock(tensor)));
    architecture.constants().properties().forEach(key -> config.set(key.getKey(), key.getValue()));
    if (config.path("sliding_window").asLong(1) == 0) {
      // So llama.cpp's converter says that there is none.
      config.remove("sliding_window");
    }
    putWindows();
    putRopeScaling();
    putTokens();
    return config;
  }

  private boolean hasInFirstBlock(String tensor) {
    return files.find("blk.0." + tensor).isPresent();
  }

  private void put(String key, String from) {
    if (!from.startsWith("@")) {
      value(name + "." + from).ifPresent(value -> put(key, from, value));
      return;
    }
    switch (from) {
      case "@blocks" -> putWhole(key, blocks());
      case "@last_block" -> putWhole(key, blocks() - 1);
      case "@head" -> putWhole(key, headSize());
      case "@key_value_heads" -> putWhole(key, keyValueHeads());
      case "@rotary_share" -> putRotaryShare(key);
      case "@unrotated" ->
          putWhole(key, needed("attention.key_length_mla") - needed("rope.dimension_count"));
      case "@scoring" ->
          config.put(key, whole("expert_gating_func").orElse(1) == SIGMOID ? "sigmoid" : "softmax");
      case "@vocabulary" -> putWhole(key, vocabulary());
      default -> throw new IllegalStateException(from);
    }
  }

  /** Puts a number as the parser of JSON would have it. */
  private void putWhole(String key, long number) {
    if (number == (int) number) {
      config.put(key, (int) number);
    } else {
      config.put(key, number);
    }
  }

  private void put(String key, String from, GgufValue value) {
    OptionalLong number = value.same();
    OptionalDouble real = value.real();
    if (value.isTruth()) {
      config.put(key, number.orElseThrow() != 0);
    } else if (number.isPresent()) {
      putWhole(key, number.getAsLong());
    } else if (real.isPresent()) {
      // The shortest decimal of a float32, as configs have it.
      config.put(key, Double.parseDouble(Float.toString((float) real.getAsDouble())));
    } else {
      throw problem(name + "." + from).wrong("one number for all blocks", value.what());
    }
  }

  /**
   * Returns the numbers of a key that has one for each block.
   *
   * @throws InputException if it has another count of them, or none
   */
  float[] byBlock(String key) {
    int blocks = Math.toIntExact(blocks());
    return value(key)
        .flatMap(GgufValue::reals)
        .filter(numbers -> numbers.length == blocks)
        .orElseThrow(
            () -> problem(key).wrong("%d numbers as f32".formatted(blocks), "another value"));
  }

  private long blocks() {
    return needed("block_count") - whole("nextn_predict_layers").orElse(0);
  }

  long heads() {
    return needed("attention.head_count");
  }

  long keyValueHeads() {
    return whole("attention.head_count_kv").orElseGet(this::heads);
  }

  private long headSize() {
    return whole("attention.key_length")
        .orElseGet(() -> needed("embedding_length") / Math.max(1, heads()));
  }

  private void putRotaryShare(String key) {
    long head = headSize();
    long rotated = whole("rope.dimension_count").orElse(head);
    if (rotated != head) {
      config.put(key, (double) rotated / head);
    }
  }

  private long vocabulary() {
    return tensor("token_embd.weight").tensor().rows();
  }

  private GgufFiles.Stored tensor(String tensor) {
    return files
        .find(tensor)
        .orElseThrow(() -> ErrorDetails.tensor(files.path(), tensor).wrong("it", "none"));
  }

  /** Windows by block, where an array says which have one. */
  private void putWindows() {
    Optional<long[]> pattern =
        value(name + ".attention.sliding_window_pattern").flatMap(GgufValue::numbers);
    if (pattern.isPresent()) {
      ArrayNode types = config.putArray("layer_types");
      for (long window : pattern.get()) {
        types.add(window == 0 ? "full_attention" : "sliding_attention");
      }
    }
  }

  private void putRopeScaling() {
    String type = value(name + ".rope.scaling.type").flatMap(GgufValue::text).orElse("none");
    Optional<GgufFiles.Stored> divisors = files.find("rope_freqs.weight");
    Optional<GgufFiles.Stored> factors = files.find("rope_factors_long.weight");
    if (factors.isPresent()) {
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("type", "longrope");
      putFactors(scaling, "long_factor", factors.get());
      putFactors(scaling, "short_factor", tensor("rope_factors_short.weight"));
      config.put(
          "original_max_position_embeddings", needed("rope.scaling.original_context_length"));
    } else if (divisors.isPresent()) {
      // Divisors as they are, whatever they were made by: longrope's, the same at each length.
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("rope_type", "longrope");
      putFactors(scaling, "long_factor", divisors.get());
      putFactors(scaling, "short_factor", divisors.get());
      scaling.put("attention_factor", 1.0);
      scaling.put("original_max_position_embeddings", needed("context_length"));
    } else if (type.equals("linear")) {
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("rope_type", "linear");
      scaling.put("factor", real("rope.scaling.factor", 1));
    } else if (type.equals("yarn")) {
      putYarn(config.putObject("rope_scaling"));
    }
  }

  private void putYarn(ObjectNode scaling) {
    scaling.put("rope_type", "yarn");
    scaling.put("factor", real("rope.scaling.factor", 1));
    scaling.put("original_max_position_embeddings", needed("rope.scaling.original_context_length"));
    scaling.put("beta_fast", real("rope.scaling.yarn_beta_fast", 32));
    scaling.put("beta_slow", real("rope.scaling.yarn_beta_slow", 1));
    double multiplier = real("rope.scaling.yarn_log_multiplier", 0);
    if (multiplier != 0) {
      // llama.cpp has a tenth of DeepSeek's mscale_all_dim.
      double scale = Math.rint(multiplier * 1e7) / 1e6;
      scaling.put("mscale", scale);
      scaling.put("mscale_all_dim", scale);
    }
  }

  private static void putFactors(ObjectNode scaling, String key, GgufFiles.Stored stored) {
    ArrayNode all = scaling.putArray(key);
    for (float factor : RowSource.widened(stored, 0, stored.tensor().rows())) {
      all.add(factor);
    }
  }

  /** The tokens by which texts begin and end. */
  private void putTokens() {
    for (String token : List.of("bos_token_id", "eos_token_id")) {
      value("tokenizer.ggml." + token)
          .map(GgufValue::number)
          .filter(OptionalLong::isPresent)
          .ifPresent(id -> putWhole(token, id.getAsLong()));
    }
  }

  private Optional<GgufValue> value(String key) {
    return Optional.ofNullable(files.keys().get(key));
  }

  /** Returns a whole number, also where each block has one and all are the same. */
  private OptionalLong whole(String key) {
    Optional<GgufValue> value = value(name + "." + key);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(
        value
            .get()
            .same()
            .orElseThrow(
                () ->
                    problem(name + "." + key)
                        .wrong("one whole number for all blocks", value.get().what())));
  }

  private double real(String key, double otherwise) {
    return value(name + "." + key)
        .map(GgufValue::real)
        .orElse(OptionalDouble.empty())
        .orElse(otherwise);
  }

  private long needed(String key) {
    return whole(key).orElseThrow(() -> problem(name + "." + key).wrong("a whole number", "none"));
  }

  private ErrorDetails problem(String key) {
    return ErrorDetails.part(files.path(), "key " + key);
  }
}
