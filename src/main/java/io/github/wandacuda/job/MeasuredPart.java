package io.github.wandacuda.job;

import java.io.Serializable;

/**
 * What a part of a comparison comes to.
 *
 * @param place the part's
 * @param dense whether it is the dense model
 * @param json its figures, as a report has them
 * @param node who measured it, and on what device
 */
record MeasuredPart(int place, boolean dense, String json, String node) implements Serializable {}
