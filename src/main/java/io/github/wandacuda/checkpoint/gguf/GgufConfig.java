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
 *   <li>{@code @scale}: the number by whose root heads' scores are divided; {@code @key_value_heads}:
 *       heads of keys, as many as of queries
 *       where no key says otherwise
 *   <li>{@code @rotary_share}: the part of a head that is rotated, nothing where all of it is;
 *       {@code @unrotated}: the size of the part of a latent head that isn't
 *   <li>{@code @scoring}: by what function a router's outputs become scores
 *   <li>{@code @vocabulary}: rows of the embedding
 * </ul>
 */
final class GgufConfig {
  private static final String ROTATED = "rope.dimension_count";
  private static final int SIGMOID = 2;

  private final GgufFiles files;
  private final GgufKeys keys;
  private final GgufArchitecture architecture;
  private final ObjectNode config = JsonNodeFactory.instance.objectNode();

  GgufConfig(GgufFiles files) {
    this.files = files;
    keys = new GgufKeys(files.path(), files.keys());
    architecture = keys.architectureOf();
    keys.requireBlocks(files.tensors().keySet());
  }

  GgufKeys keys() {
    return keys;
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
    config.put("tie_word_embeddings", files.find(GgufTensor.OUTPUT).isEmpty());
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
      keys.find(from).ifPresent(value -> put(key, from, value));
      return;
    }
    switch (from) {
      case "@blocks" -> putWhole(key, keys.blocks());
      case "@last_block" -> putWhole(key, keys.blocks() - 1);
      case "@scale" -> putWhole(key, scaledBy());
      case "@key_value_heads" -> putWhole(key, keys.keyValueHeads());
      case "@rotary_share" -> putRotaryShare(key);
      case "@unrotated" ->
          putWhole(key, keys.needed("attention.key_length_mla") - keys.needed(ROTATED));
      case "@scoring" ->
          config.put(
              key, keys.whole("expert_gating_func").orElse(1) == SIGMOID ? "sigmoid" : "softmax");
      case "@vocabulary" -> putWhole(key, vocabulary());
      default -> throw new IllegalStateException(from);
    }
  }

  /** Returns the number by whose root llama.cpp divides scores of Gemma's heads. */
  private long scaledBy() {
    return keys.allBlocks() == architecture.rules().otherScaleAt()
        ? keys.needed(GgufKeys.EMBEDDING) / keys.heads()
        : keys.headSize();
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
    OptionalLong number = keys.same(from, value);
    OptionalDouble real = value.real();
    if (value.isTruth()) {
      config.put(key, number.orElseThrow() != 0);
    } else if (number.isPresent()) {
      putWhole(key, number.getAsLong());
    } else if (real.isPresent() && Double.isFinite(real.getAsDouble())) {
      // The shortest decimal of a float32, as configs have it.
      config.put(key, Double.parseDouble(Float.toString((float) real.getAsDouble())));
    } else {
      throw keys.problem(from)
          .wrong("one number for all blocks", real.isPresent() ? real.getAsDouble() : value.what());
    }
  }

  private void putRotaryShare(String key) {
    long head = keys.headSize();
    long rotated = keys.positive(ROTATED, keys.whole(ROTATED).orElse(head));
    if (rotated > head) {
      throw keys.problem(ROTATED).wrong("at most %d, a head's size".formatted(head), rotated);
    }
    if (rotated != head) {
      config.put(key, (double) rotated / head);
    }
  }

  private long vocabulary() {
    GgufFiles.Stored embedding = tensor(GgufTensor.EMBEDDING);
    if (embedding.tensor().shape().size() != 2) {
      throw ErrorDetails.tensor(embedding.file().path(), embedding.name())
          .wrong("a matrix", "shape " + embedding.tensor().shape());
    }
    return embedding.tensor().rows();
  }

  private GgufFiles.Stored tensor(String tensor) {
    return files
        .find(tensor)
        .orElseThrow(() -> ErrorDetails.tensor(files.path(), tensor).wrong("it", "none"));
  }

  /**
   * Windows by block: an array says which have one, a number that the last of as many blocks has
   * none, and 0 that all have one.
   */
  private void putWindows() {
    String key = "attention.sliding_window_pattern";
    Optional<GgufValue> pattern = keys.find(key);
    if (pattern.isEmpty()) {
      return;
    }
    long count = keys.allBlocks();
    Optional<long[]> windows = pattern.get().numbers();
    OptionalLong period = pattern.get().number();
    if (period.isEmpty() && windows.filter(each -> each.length == count).isEmpty()) {
      throw keys.problem(key)
          .wrong("a whole number, or %d, one for each block".formatted(count), "another value");
    }
    ArrayNode types = config.putArray("layer_types");
    for (int block = 0; block < keys.blocks(); block++) {
      boolean windowed =
          windows.isPresent()
              ? windows.get()[block] != 0
              : period.getAsLong() == 0 || block % period.getAsLong() < period.getAsLong() - 1;
      types.add(windowed ? "sliding_attention" : "full_attention");
    }
  }

  private void putRopeScaling() {
    String type = keys.find("rope.scaling.type").flatMap(GgufValue::text).orElse("none");
    Optional<GgufFiles.Stored> divisors = files.find(GgufTensor.DIVISORS);
    Optional<GgufFiles.Stored> factors = files.find("rope_factors_long.weight");
    if (factors.isPresent()) {
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("type", "longrope");
      putFactors(scaling, "long_factor", factors.get());
      putFactors(scaling, "short_factor", tensor("rope_factors_short.weight"));
      config.put(
          "original_max_position_embeddings", keys.needed("rope.scaling.original_context_length"));
    } else if (divisors.isPresent()) {
      // Divisors as they are, whatever they were made by: longrope's, the same at each length.
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("rope_type", "longrope");
      putFactors(scaling, "long_factor", divisors.get());
      putFactors(scaling, "short_factor", divisors.get());
      scaling.put("attention_factor", 1.0);
      scaling.put("original_max_position_embeddings", keys.needed("context_length"));
    } else if (type.equals("linear")) {
      ObjectNode scaling = config.putObject("rope_scaling");
      scaling.put("rope_type", "linear");
      scaling.put("factor", keys.real("rope.scaling.factor", 1));
    } else if (type.equals("yarn")) {
      putYarn(config.putObject("rope_scaling"));
    }
  }

  private void putYarn(ObjectNode scaling) {
    scaling.put("rope_type", "yarn");
    scaling.put("factor", keys.real("rope.scaling.factor", 1));
    scaling.put(
        "original_max_position_embeddings", keys.needed("rope.scaling.original_context_length"));
    scaling.put("beta_fast", keys.real("rope.scaling.yarn_beta_fast", 32));
    scaling.put("beta_slow", keys.real("rope.scaling.yarn_beta_slow", 1));
    double multiplier = keys.real("rope.scaling.yarn_log_multiplier", 0);
    if (multiplier != 0) {
      // llama.cpp has a tenth of DeepSeek's mscale_all_dim.
      double scale = Math.rint(multiplier * 1e7) / 1e6;
      scaling.put("mscale", scale);
      scaling.put("mscale_all_dim", scale);
    }
  }

  private static void putFactors(ObjectNode scaling, String key, GgufFiles.Stored stored) {
    if (stored.tensor().type() != GgufType.F32) {
      throw ErrorDetails.tensor(stored.file().path(), stored.name())
          .wrong("F32", stored.tensor().type());
    }
    ArrayNode all = scaling.putArray(key);
    for (float factor : RowSource.widened(stored, 0, stored.tensor().rows())) {
      all.add(factor);
    }
  }

  /** The tokens by which texts begin and end. */
  private void putTokens() {
    for (String token : List.of("bos_token_id", "eos_token_id")) {
      keys.general("tokenizer.ggml." + token)
          .map(GgufValue::number)
          .filter(OptionalLong::isPresent)
          .ifPresent(id -> putWhole(token, id.getAsLong()));
    }
  }
}
