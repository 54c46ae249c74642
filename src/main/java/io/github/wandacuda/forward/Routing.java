package io.github.wandacuda.forward;

/**
 * Which experts each token goes to, and how much each counts.
 *
 * @param expertsPerToken experts of a token
 * @param experts [tokens * expertsPerToken], a token's experts from the most probable one on
 * @param weights of the experts, as many
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
public record Routing(int expertsPerToken, int[] experts, float[] weights) {}
