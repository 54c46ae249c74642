package io.github.wandacuda.calibration;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Samples that run through a decoder together: the unit in which a run is divided, whatever does
 * the work, so that its result doesn't depend on that. Short samples run together, so that a weight
 * is unpacked once for all of them.
 *
 * @param firstSample the number of its first sample among the run's samples
 * @param samples token ids, all lists of the same length, at least one
 */
public record SampleBatch(int index, int firstSample, List<int[]> samples) implements Serializable {
  /** Takes a list that travels. */
  public SampleBatch {
    samples = List.copyOf(samples);
  }

  /** Returns how many samples are in a batch of so many tokens, or one; the last may have fewer. */
  public static int size(List<int[]> samples, int tokens) {
    return Math.clamp(tokens / samples.get(0).length, 1, samples.size());
  }

  /** Divides samples, token ids in lists of the same length, into batches of so many tokens. */
  public static List<SampleBatch> of(List<int[]> samples, int tokens) {
    int size = size(samples, tokens);
    List<SampleBatch> batches = new ArrayList<>();
    for (int from = 0; from < samples.size(); from += size) {
      int to = Math.min(samples.size(), from + size);
      batches.add(new SampleBatch(batches.size(), from, samples.subList(from, to)));
    }
    return batches;
  }

  public int sequenceLength() {
    return samples.get(0).length;
  }

  public int tokens() {
    return samples.size() * sequenceLength();
  }

  /** Returns the number of its first token among those of all samples of the run. */
  public long firstToken() {
    return (long) firstSample * sequenceLength();
  }

  /** Returns its samples' ids, one sample after the other. */
  int[] ids() {
    return samples.stream().flatMapToInt(Arrays::stream).toArray();
  }
}
