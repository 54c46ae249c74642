package io.github.wandacuda.forward;

/**
 * The experts that each token is sent to, and their weights.
 *
 * @param expertsPerToken number of experts of a token
 * @param experts [tokens * expertsPerToken], a token's experts, the most probable first
 * @param weights [tokens * expertsPerToken], the factor of each of these experts' outputs
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
public record Routing(int expertsPerToken, int[] experts, float[] weights) {}
