package io.github.wandacuda.model.description;

/**
 * What has to be known of a decoder before it is opened.
 *
 * @param blocks decoder blocks
 * @param hiddenSize width of the hidden states
 * @param vocabulary token ids are below it
 * @param maximumLength the longest sequence that its positions are made for
 */
public record DecoderShape(int blocks, int hiddenSize, int vocabulary, int maximumLength) {}
