package io.github.wandacuda.evaluate;

import java.io.Serializable;

/**
 * A request as token ids.
 *
 * @param input what the model reads: the context and the continuation without its last token
 * @param targets the continuation's tokens; the last one follows the input's last token
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is; compared by its elements
record TokenRequest(int[] input, int[] targets) implements Serializable {}
