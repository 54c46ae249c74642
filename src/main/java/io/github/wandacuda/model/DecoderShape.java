package io.github.wandacuda.model;

/**
 * The sizes of a decoder, which are known before it is opened.
 *
 * @param maximumLength tokens of the longest sequence that its positions allow
 */
public record DecoderShape(int blocks, int hiddenSize, int vocabulary, int maximumLength) {}
