package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.Rotary;
import io.github.wandacuda.model.Rotary.Turns;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads a rotary embedding's frequencies from a config: from {@code rope_theta} and {@code
 * rope_scaling}, or from {@code rope_parameters}, which newer configs have for both, some of them
 * for each type of layer. They are computed in float32 as in Hugging Face transformers.
 */
final class RotaryFrequencies {
  /** The base of most families if the config has none. */
  static final double DEFAULT_THETA = 10_000;

  /** The defaults of most families: a base, and all of a head rotated. */
  static final Defaults DEFAULTS = Defaults.of(DEFAULT_THETA);

  /** The types of layers in configs. */
  static final String FULL = "full_attention";

  static final String SLIDING = "sliding_attention";

  /**
   * The most features of a head, far more than any model has. Without the bound a config could
   * demand any amount of memory.
   */
  private static final int MOST_FEATURES = 1 << 16;

  /** The number of positions of a model whose config doesn't say. */
  static final int DEFAULT_POSITIONS = 2048;

  private static final String PARAMETERS = "rope_parameters";
  private static final String THETA = "rope_theta";
  private static final String PARTIAL = "partial_rotary_factor";
  private static final String ORIGINAL_POSITIONS = "original_max_position_embeddings";
  private static final String POSITIONS = "max_position_embeddings";
  private static final String DEFAULT = "default";
  private static final String LINEAR = "linear";
  private static final String YARN = "yarn";
  private static final String DYNAMIC = "dynamic";
  private static final String LONGROPE = "longrope";

  /**
   * The known kinds. {@code su} is the old name of longrope; mrope rotates a text's tokens as
   * default does.
   */
  private static final Set<String> KINDS =
      Set.of(DEFAULT, "mrope", LINEAR, "llama3", YARN, DYNAMIC, LONGROPE, "su");

  /** The keys that an object without a kind of scaling may have. */
  private static final Set<String> UNSCALED = Set.of("rope_type", "type", THETA, PARTIAL);

  private final ModelConfig config;
  private final String key;
  private final Optional<JsonNode> scaling;

  /** Whether the object is for one type of layers. */
  private final boolean typed;

  private RotaryFrequencies(ModelConfig config, String layers) {
    this.config = config;
    String all = config.find(PARAMETERS).isPresent() ? PARAMETERS : "rope_scaling";
    Optional<JsonNode> object = config.find(all);
    typed = object.isPresent() && object.get().hasNonNull(layers);
    key = typed ? all + "." + layers : all;
    scaling = typed ? Optional.of(object.get().get(layers)) : object;
    if (scaling.isPresent() && !scaling.get().isObject()) {
      throw config.wrong(key, "an object", scaling.get());
    }
  }

  /**
   * A family's rotary embedding, as far as configs don't say otherwise.
   *
   * @param partKeys keys of the rotated share of a head, of which the first one that is present
   *     counts; empty if the share is fixed
   * @param part the share without a key, from 0 to 1
   * @param thetaKeys keys of the base, of which the first one that is present counts
   * @param theta the base without a key
   */
  record Defaults(List<String> partKeys, double part, List<String> thetaKeys, double theta) {
    /** Returns defaults that rotate whole heads. */
    static Defaults of(double theta) {
      return new Defaults(List.of(), 1, List.of(THETA), theta);
    }

    /**
     * Returns defaults that rotate a share of a head, which newer configs have by {@code
     * partial_rotary_factor}.
     */
    static Defaults partial(double part, double theta) {
      return new Defaults(List.of(PARTIAL), part, List.of(THETA), theta);
    }
  }

  /**
   * Returns how many positions a model with a rotary embedding takes. A scaling multiplies the
   * number with which the model was trained, unless the config's number is the product already.
   *
   * @param positions the config's number
   */
  static int positions(ModelConfig config, int positions) {
    RotaryFrequencies reader = new RotaryFrequencies(config, FULL);
    if (reader.scaling.isEmpty()) {
      return positions;
    }
    JsonNode node = reader.scaling.get();
    return switch (reader.kind()) {
      case LINEAR -> node.has(ORIGINAL_POSITIONS) ? positions : reader.times(positions);
      case YARN -> Math.max(positions, reader.times(reader.number(ORIGINAL_POSITIONS, positions)));
      // The base grows with the sequence, so that no sequence is too long.
      case DYNAMIC -> ModelConfig.MOST;
      default -> positions;
    };
  }

  /**
   * Returns a number of the scaling's object, or 0 if there is none.
   *
   * @param inside the key within the object
   */
  static double setting(ModelConfig config, String inside) {
    RotaryFrequencies reader = new RotaryFrequencies(config, FULL);
    return reader.scaling.isPresent() ? reader.orZero(inside) : 0;
  }

  private int times(double positions) {
    return (int) Math.min(ModelConfig.MOST, positions * factor());
  }

  /**
   * Reads the embedding of a model's layers.
   *
   * @param pairs where a head's pairs are, if all that follows its first one is rotated
   * @param defaults of the family
   * @throws io.github.wandacuda.error.InputException for a kind of scaling that is not computed
   */
  static Rotary of(ModelConfig config, RotaryPairs pairs, Defaults defaults) {
    return of(config, pairs, defaults, FULL, true);
  }

  /**
   * Reads the embedding of one type of layers.
   *
   * @param pairs as above
   * @param defaults of the family
   * @param layers the type of layers, as configs name it
   * @param scaled whether a scaling that isn't for one type of layers applies to these
   * @throws io.github.wandacuda.error.InputException for a kind of scaling that is not computed
   */
  static Rotary of(
      ModelConfig config, RotaryPairs pairs, Defaults defaults, String layers, boolean scaled) {
    RotaryFrequencies reader = new RotaryFrequencies(config, layers);
    double theta = reader.number(THETA, defaults.thetaKeys(), defaults.theta());
    List<String> partKeys = defaults.partKeys();
    double part =
        partKeys.isEmpty() ? defaults.part() : reader.number(PARTIAL, partKeys, defaults.part());
    if (part > 1) {
      throw ErrorDetails.part(config.file(), partKeys.get(0))
          .wrong("at most the whole of a head, 1", part);
    }
    int size = pairs.headSize() - pairs.first();
    if (size > MOST_FEATURES) {
      throw ErrorDetails.file(config.file())
          .wrong("heads of at most %d features".formatted(MOST_FEATURES), size);
    }
    int features = (int) (size * part);
    int count = Math.ceilDiv(features, 2);
    if (count < 1 || 2 * count > size) {
      throw ErrorDetails.part(config.file(), "heads of %d features".formatted(size))
          .wrong("an even number of them to rotate", features);
    }
    boolean plain = reader.scaling.isEmpty() || !(scaled || reader.typed);
    return plain
        ? Rotary.fixed(pairs, new Turns(plain(theta, features, count), 1))
        : reader.scaled(pairs, theta, features, count);
  }

  /**
   * Returns a number from the object of the scaling or, if that lacks it, from the config itself.
   */
  private double number(String inside, List<String> keys, double otherwise) {
    boolean own = typed || keys.contains(inside) || !inside.equals(THETA);
    if (own && scaling.isPresent() && scaling.get().has(inside)) {
      return config.number(key, scaling.get(), inside);
    }
    for (String candidate : keys) {
      if (config.find(candidate).isPresent()) {
        return config.number(candidate, otherwise);
      }
    }
    return otherwise;
  }

  /** Returns a number of the scaling's object, or {@code otherwise} if it is absent or null. */
  private double number(String inside, double otherwise) {
    return scaling.orElseThrow().hasNonNull(inside)
        ? config.number(key, scaling.get(), inside)
        : otherwise;
  }

  /** Returns a number of the scaling's object, which may be 0 as if it were absent. */
  private double orZero(String inside) {
    return scaling.orElseThrow().path(inside).asDouble() == 0 ? 0 : number(inside, 0);
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

  private Rotary scaled(RotaryPairs pairs, double theta, int features, int count) {
    float[] plain = plain(theta, features, count);
    return switch (kind()) {
      case LINEAR -> Rotary.fixed(pairs, new Turns(linear(plain, factor()), 1));
      case "llama3" -> Rotary.fixed(pairs, new Turns(llama3(plain, scaling.get()), 1));
      case YARN -> Rotary.fixed(pairs, yarn(plain, theta, features));
      case DYNAMIC -> dynamic(pairs, theta, features, count);
      case LONGROPE, "su" -> longrope(pairs, theta, features, count);
      default -> Rotary.fixed(pairs, new Turns(plain, 1));
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
      throw config.notComputed(
          key, "a scaling of kind default, linear, llama3, yarn, dynamic or longrope", kind);
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

  /**
   * YaRN (Peng et al., arXiv 2309.00071): waves that turn often within the length of the training
   * are kept, those that don't are stretched, those between are blended.
   */
  private Turns yarn(float[] plain, double theta, int features) {
    JsonNode node = scaling.orElseThrow();
    double factor = factor();
    double length = number(ORIGINAL_POSITIONS, config.positive(POSITIONS, DEFAULT_POSITIONS));
    double low = yarnPair(features, theta, length, number("beta_fast", 32));
    double high = yarnPair(features, theta, length, number("beta_slow", 1));
    if (node.path("truncate").asBoolean(true)) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, features - 1.0);
    double width = low == high ? 0.001 : high - low;
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      double stretched = Math.clamp((i - low) / width, 0, 1);
      scaled[i] = (float) ((1 - stretched) * plain[i] + stretched * plain[i] / factor);
    }
    double all = orZero("mscale_all_dim");
    double own = orZero("mscale");
    double attention =
        own != 0 && all != 0
            ? yarnScale(factor, own) / yarnScale(factor, all)
            : yarnScale(factor, 1);
    return new Turns(scaled, (float) number("attention_factor", attention));
  }

  /**
   * Returns the factor of latent attention's scores: YaRN's scale of {@code mscale_all_dim}, for
   * queries and for keys.
   */
  static double latentScale(ModelConfig config) {
    RotaryFrequencies reader = new RotaryFrequencies(config, FULL);
    if (reader.scaling.isEmpty() || reader.orZero("mscale_all_dim") == 0) {
      return 1;
    }
    double scale = yarnScale(reader.factor(), reader.orZero("mscale_all_dim"));
    return scale * scale;
  }

  /** Returns the number of the pair, as a fraction, that makes so many turns within a length. */
  private static double yarnPair(int features, double theta, double length, double turns) {
    return features * Math.log(length / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  }

  private static double yarnScale(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }

  /**
   * NTK-aware scaling: the base grows with the length of the sequence, for all its positions. With
   * an {@code alpha} it grows by that, whatever the length.
   */
  private Rotary dynamic(RotaryPairs pairs, double theta, int features, int count) {
    if (features <= 2) {
      throw config.wrong(key, "more than 2 rotated features of a head", scaling.orElseThrow());
    }
    double exponent = features / (features - 2.0);
    double alpha = orZero("alpha");
    if (alpha != 0) {
      return Rotary.fixed(
          pairs, new Turns(plain(theta * Math.pow(alpha, exponent), features, count), 1));
    }
    double factor = factor();
    int trained = config.positive(POSITIONS, DEFAULT_POSITIONS);
    return Rotary.byLength(
        pairs,
        length -> Math.max(length, trained),
        length -> {
          double times = factor * Math.max(length, trained) / trained - (factor - 1);
          return new Turns(plain(theta * Math.pow(times, exponent), features, count), 1);
        });
  }

  /**
   * LongRoPE (Ding et al., arXiv 2402.13753): each frequency is divided by a factor of its own, of
   * one list in sequences of the length of the training, of another in longer ones.
   */
  private Rotary longrope(RotaryPairs pairs, double theta, int features, int count) {
    double longest = config.positive(POSITIONS, DEFAULT_POSITIONS);
    boolean given = config.find(ORIGINAL_POSITIONS).isPresent();
    double inside = number(ORIGINAL_POSITIONS, longest);
    int trained = (int) (given ? config.positive(ORIGINAL_POSITIONS) : inside);
    double stretch =
        given || scaling.orElseThrow().hasNonNull(ORIGINAL_POSITIONS)
            ? longest / trained
            : number("factor", 1);
    double root = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(trained));
    double attention = number("attention_factor", root);
    float[] plain = plain(theta, features, count);
    Turns near =
        new Turns(divided(plain, "short_factor"), (float) number("short_mscale", attention));
    Turns far = new Turns(divided(plain, "long_factor"), (float) number("long_mscale", attention));
    return Rotary.byLength(
        pairs, length -> length > trained ? 1 : 0, length -> length > trained ? far : near);
  }

  private float[] divided(float[] plain, String name) {
    JsonNode found = scaling.orElseThrow().path(name);
    JsonNode factors = found.isMissingNode() ? NullNode.getInstance() : found;
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      double factor = factors.path(i).asDouble(0);
      if (factors.size() != plain.length || !(factor > 0)) {
        throw config.wrong(
            key + "." + name, "%d positive numbers".formatted(plain.length), factors);
      }
      scaled[i] = (float) (plain[i] / factor);
    }
    return scaled;
  }
}
