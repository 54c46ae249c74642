package io.github.wandacuda.job;

import io.github.wandacuda.calibration.SampleBatch;
import java.io.Serializable;

/**
 * A batch between two blocks.
 *
 * @param batch its samples
 * @param states their hidden states, [tokens, hidden size], or null before they are embedded, or
 *     read from where an interrupted run has saved them
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
record BatchStates(SampleBatch batch, float[] states) implements Serializable {}
