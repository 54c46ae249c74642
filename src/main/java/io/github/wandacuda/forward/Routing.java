package io.github.wandacuda.forward;

import java.util.Arrays;

/**
 * The experts that each token is sent to, and their weights.
 *
 * @param expertsPerToken how many experts a token has
 * @param experts [tokens * expertsPerToken], a token's experts, the most probable first
 * @param weights [tokens * expertsPerToken], the factor of each of these experts' outputs
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
public record Routing(int expertsPerToken, int[] experts, float[] weights) {
  /**
   * Returns whether another routing sends a token to the same experts with the same weights.
   *
   * @param other with as many experts for each token
   */
  public boolean isSame(Routing other, int token) {
    int from = token * expertsPerToken;
    int to = from + expertsPerToken;
    return Arrays.equals(experts, from, to, other.experts, from, to)
        && Arrays.equals(weights, from, to, other.weights, from, to);
  }
}
