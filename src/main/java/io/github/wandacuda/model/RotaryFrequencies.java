package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads a rotary embedding's frequencies from a config: from {@code rope_theta} and {@code
 * rope_scaling}, or from {@code rope_parameters}, which newer configs have for both. They are
 * computed in float32 as in Hugging Face transformers.
 */
final class RotaryFrequencies {
  /** The base of most families if the config has none. */
  static final double DEFAULT_THETA = 10_000;

  /** Far beyond any model's; without the bound a config could demand any amount of memory. */
  private static final int MOST_FEATURES = 1 << 16;

  private static final String SCALING = "rope_scaling";
  private static final String PARAMETERS = "rope_parameters";
  private static final String THETA = "rope_theta";
  private static final String PARTIAL = "partial_rotary_factor";
  private static final String ORIGINAL_POSITIONS = "original_max_position_embeddings";
  private static final String DEFAULT = "default";
  private static final String LINEAR = "linear";
  private static final Set<String> KINDS = Set.of(DEFAULT, LINEAR, "llama3");

  /** The keys that an object without a kind of scaling may have. */
  private static final Set<String> UNSCALED = Set.of("rope_type", "type", THETA, PARTIAL);

  private final ModelConfig config;
  private final String key;
  private final Optional<JsonNode> scaling;

  private RotaryFrequencies(ModelConfig config) {
    this.config = config;
    key = config.find(PARAMETERS).isPresent() ? PARAMETERS : SCALING;
    scaling = config.find(key);
    if (scaling.isPresent() && !scaling.get().isObject()) {
      throw config.wrong(key, "an object", scaling.get());
    }
  }

  /**
   * Returns how many positions a model with a rotary embedding takes. A linear scaling multiplies
   * the number that it was trained for, unless the config gives the product already.
   *
   * @param positions the number in the config
   */
  static int positions(ModelConfig config, int positions) {
    RotaryFrequencies reader = new RotaryFrequencies(config);
    boolean stretched =
        reader.scaling.isPresent()
            && reader.kind().equals(LINEAR)
            && !reader.scaling.get().has(ORIGINAL_POSITIONS);
    return stretched ? (int) (positions * reader.factor()) : positions;
  }

  /**
   * Reads an embedding that rotates a part of each head, or all of it.
   *
   * @param headSize features of a head, even
   * @param partKeys keys of the rotated share of a head; the first one that is present counts; none
   *     where all of it is rotated
   * @param defaultPart the share if the config has none
   * @param defaultTheta the base if the config has none
   * @param thetaKeys keys of the base; the first one that is present counts
   * @throws io.github.wandacuda.error.InputException for a kind of scaling that is not computed
   */
  static Rotary of(
      ModelConfig config,
      int headSize,
      List<String> partKeys,
      double defaultPart,
      double defaultTheta,
      List<String> thetaKeys) {
    RotaryFrequencies reader = new RotaryFrequencies(config);
    double theta = reader.number(THETA, thetaKeys, defaultTheta);
    double part = partKeys.isEmpty() ? 1 : reader.number(PARTIAL, partKeys, defaultPart);
    if (part > 1) {
      throw ErrorDetails.file(config.file())
          .part(partKeys.get(0))
          .wrong("at most the whole of a head, 1", part);
    }
    if (headSize > MOST_FEATURES) {
      throw ErrorDetails.file(config.file())
          .wrong("heads of at most %d features".formatted(MOST_FEATURES), headSize);
    }
    int features = (int) (headSize * part);
    int pairs = Math.ceilDiv(features, 2);
    if (pairs < 1 || 2 * pairs > headSize) {
      throw ErrorDetails.file(config.file())
          .part("heads of %d features".formatted(headSize))
          .wrong("an even number of them to rotate", features);
    }
    return new Rotary(reader.scaled(plain(theta, features, pairs)));
  }

  /**
   * Returns a number from the object of the scaling or, if that lacks it, from the config itself.
   */
  private double number(String inside, List<String> keys, double otherwise) {
    if (scaling.isPresent() && scaling.get().has(inside)) {
      return config.number(key, scaling.get(), inside);
    }
    for (String candidate : keys) {
      if (config.find(candidate).isPresent()) {
        return config.number(candidate, otherwise);
      }
    }
    return otherwise;
  }

  /** Returns theta^(-2i/d) for each pair i of d features. */
  private static float[] plain(double theta, int features, int pairs) {
    float[] frequencies = new float[pairs];
    for (int i = 0; i < pairs; i++) {
      float exponent = (float) (2 * i) / features;
      frequencies[i] = 1f / (float) Math.pow(theta, exponent);
    }
    return frequencies;
  }

  private float[] scaled(float[] plain) {
    if (scaling.isEmpty()) {
      return plain;
    }
    return switch (kind()) {
      case DEFAULT -> plain;
      case LINEAR -> linear(plain, factor());
      default -> llama3(plain, scaling.get());
    };
  }

  /**
   * Returns the kind of scaling. An object without a kind means no scaling; it is refused if it has
   * keys of a scaling.
   */
  private String kind() {
    JsonNode node = scaling.orElseThrow();
    JsonNode kind = node.has("rope_type") ? node.get("rope_type") : node.path("type");
    if (kind.isMissingNode() || kind.isNull()) {
      node.properties().stream()
          .filter(entry -> !UNSCALED.contains(entry.getKey()) && !entry.getValue().isNull())
          .findFirst()
          .ifPresent(
              entry -> {
                throw config.wrong(key, "an object with a rope_type, as it has more", node);
              });
      return DEFAULT;
    }
    if (!KINDS.contains(kind.asText())) {
      throw config.notComputed(key, "a scaling of kind default, linear or llama3", kind);
    }
    return kind.asText();
  }

  private double factor() {
    return config.number(key, scaling.orElseThrow(), "factor");
  }

  private static float[] linear(float[] plain, double factor) {
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      scaled[i] = plain[i] / (float) factor;
    }
    return scaled;
  }

  /**
   * Llama 3.1's scaling: long waves are stretched, short ones are kept, those between are blended.
   */
  private float[] llama3(float[] plain, JsonNode node) {
    double factor = factor();
    double low = config.number(key, node, "low_freq_factor");
    double high = config.number(key, node, "high_freq_factor");
    double length = config.number(key, node, ORIGINAL_POSITIONS);
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      float frequency = plain[i];
      double wave = 2 * Math.PI / frequency;
      if (wave > length / low) {
        scaled[i] = (float) (frequency / factor);
      } else if (wave < length / high) {
        scaled[i] = frequency;
      } else {
        double smooth = (length / wave - low) / (high - low);
        scaled[i] = (float) ((1 - smooth) * frequency / factor + smooth * frequency);
      }
    }
    return scaled;
  }
}
