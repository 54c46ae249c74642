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
 * @param index its number among the run's batches, from 0
 * @param firstSample the number of its first sample among the run's samples
 * @param samples token ids, all lists of the same length, at least one
 */
public record SampleBatch(int index, int firstSample, List<int[]> samples) implements Serializable {
  /**
   * Copies the list: batches are serialized to other processes, which the view that {@code subList}
   * returns can't be.
   */
  public SampleBatch {
    samples = List.copyOf(samples);
  }

  /**
   * Returns how many samples a batch of so many tokens holds: at least one, however long it is. The
   * last batch may hold fewer.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param tokens that a batch holds at most, unless a single sample has more
   */
  public static int size(List<int[]> samples, int tokens) {
    return Math.clamp(tokens / samples.get(0).length, 1, samples.size());
  }

  /**
   * Divides samples into batches, in their order.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param tokens that a batch holds at most, unless a single sample has more
   */
  public static List<SampleBatch> of(List<int[]> samples, int tokens) {
    int size = size(samples, tokens);
    List<SampleBatch> batches = new ArrayList<>();
    for (int from = 0; from < samples.size(); from += size) {
      int to = Math.min(samples.size(), from + size);
      batches.add(new SampleBatch(batches.size(), from, samples.subList(from, to)));
    }
    return batches;
  }

  /** Returns the number of tokens of each sample. */
  public int sequenceLength() {
    return samples.get(0).length;
  }

  /** Returns the number of tokens of all its samples. */
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
