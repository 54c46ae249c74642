package io.github.wandacuda.model.llama;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.ModelConfig;
import java.util.Optional;

/**
 * The rotary embedding's angle per position for each pair of a head's features (Su et al., arXiv
 * 2104.09864, section 3.2.2), with the scalings that LLaMA models use. Computed in float32 like
 * Hugging Face transformers, since at large positions the rounding shows.
 */
final class RotaryFrequencies {
  private static final double DEFAULT_THETA = 10_000;

  private final float[] frequencies;

  private RotaryFrequencies(float[] frequencies) {
    this.frequencies = frequencies;
  }

  /**
   * Reads {@code rope_theta} and {@code rope_scaling}, or {@code rope_parameters} that newer
   * configs have for both.
   *
   * @throws InputException for a kind of scaling that is not computed
   */
  static RotaryFrequencies of(ModelConfig config, int headSize) {
    Optional<JsonNode> parameters = config.find("rope_parameters");
    String key = parameters.isPresent() ? "rope_parameters" : "rope_scaling";
    Optional<JsonNode> scaling = parameters.or(() -> config.find("rope_scaling"));
    double theta =
        parameters.isPresent() && parameters.get().has("rope_theta")
            ? config.number(key, parameters.get(), "rope_theta")
            : config.number("rope_theta", DEFAULT_THETA);
    float[] plain = plain(theta, headSize);
    return new RotaryFrequencies(
        scaling.map(node -> scaled(plain, config, key, node)).orElse(plain));
  }

  /** Returns theta^(-2i/d) for each pair i. */
  private static float[] plain(double theta, int headSize) {
    float[] frequencies = new float[headSize / 2];
    for (int i = 0; i < frequencies.length; i++) {
      float exponent = (float) (2 * i) / headSize;
      frequencies[i] = 1f / (float) Math.pow(theta, exponent);
    }
    return frequencies;
  }

  private static float[] scaled(float[] plain, ModelConfig config, String key, JsonNode scaling) {
    JsonNode kind = scaling.has("rope_type") ? scaling.get("rope_type") : scaling.path("type");
    return switch (kind.asText("default")) {
      case "default", "" -> plain;
      case "linear" -> linear(plain, config.number(key, scaling, "factor"));
      case "llama3" -> llama3(plain, config, key, scaling);
      default ->
          throw new InputException(
              config.wrong(key, "a scaling of kind default, linear or llama3", kind).getMessage()
                  + "; 'prune --statistics' and 'prune --method magnitude' need no forward pass");
    };
  }

  private static float[] linear(float[] plain, double factor) {
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      scaled[i] = plain[i] / (float) factor;
    }
    return scaled;
  }

  /** Llama 3.1's scaling: long waves are stretched, short ones kept, those between blended. */
  private static float[] llama3(float[] plain, ModelConfig config, String key, JsonNode scaling) {
    double factor = config.number(key, scaling, "factor");
    double low = config.number(key, scaling, "low_freq_factor");
    double high = config.number(key, scaling, "high_freq_factor");
    double length = config.number(key, scaling, "original_max_position_embeddings");
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

  /** Returns the cosines of positions 0 to {@code positions - 1}: [positions, pairs], row-major. */
  float[] cosines(int positions) {
    float[] table = new float[Math.multiplyExact(positions, frequencies.length)];
    for (int at = 0; at < table.length; at++) {
      table[at] = (float) Math.cos(angle(at));
    }
    return table;
  }

  /** Returns the sines, as {@link #cosines} does. */
  float[] sines(int positions) {
    float[] table = new float[Math.multiplyExact(positions, frequencies.length)];
    for (int at = 0; at < table.length; at++) {
      table[at] = (float) Math.sin(angle(at));
    }
    return table;
  }

  private float angle(int at) {
    int position = at / frequencies.length;
    return position * frequencies[at % frequencies.length];
  }

  int pairs() {
    return frequencies.length;
  }
}
