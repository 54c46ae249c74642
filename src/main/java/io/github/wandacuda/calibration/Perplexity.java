package io.github.wandacuda.calibration;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Perplexity over windows of text: exp of the mean over windows of the mean next-token negative
 * log-likelihood within a window (how Wanda, arXiv 2306.11695, section 4, measures it on
 * WikiText-2).
 */
public final class Perplexity {
  private Perplexity() {}

  /**
   * Runs a decoder over windows.
   *
   * @param windows token ids; windows of different lengths are run length by length
   * @param progress told after each block of the whole
   */
  public static double of(
      Decoder decoder, Operations operations, List<int[]> windows, Progress progress) {
    SortedMap<Integer, List<int[]>> byLength = new TreeMap<>();
    windows.forEach(
        window -> byLength.computeIfAbsent(window.length, any -> new ArrayList<>()).add(window));
    int steps = byLength.size() * decoder.blocks();
    int step = 0;
    double sum = 0;
    for (List<int[]> group : byLength.values()) {
      try (BlockwiseRun run = new BlockwiseRun(decoder, operations, group)) {
        for (int index = 0; index < decoder.blocks(); index++) {
          try (Block block = decoder.block(index)) {
            run.advance(block);
          }
          progress.step("block", ++step, steps);
        }
        for (int window = 0; window < group.size(); window++) {
          sum += run.meanLoss(window);
        }
      }
    }
    return Math.exp(sum / windows.size());
  }
}
