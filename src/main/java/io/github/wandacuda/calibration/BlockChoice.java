package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Chooses blocks of a decoder that can go, by samples that run through it. Scores are of the
 * residual stream before the final norm; of equal ones the first counts.
 *
 * <p>Of L blocks, influence and angle take one pass over the samples. The loss takes a trial for
 * each block that is left, again for each that goes, but the trials of a round run side by side:
 * one begins where the model without its block begins to differ, so that a round takes about L² / 2
 * runs of the samples through a block instead of L², and each block's weights are read once for as
 * many trials as there is memory for the hidden states of.
 *
 * @param decoder has the blocks
 * @param samples token ids, all lists of the same length, at least one
 * @param period how many blocks side by side go at a time
 * @param together trials that run side by side, 1 or more
 * @param progress told of each run of the samples through a block
 */
public record BlockChoice(
    Decoder decoder, List<int[]> samples, int period, int together, Progress progress) {
  /**
   * Blocks that can go, as they were chosen.
   *
   * @param blocks in the order in which they go
   * @param scores of the round in which the first of them was chosen: what was lowest for it, by
   *     the first block of each run of blocks that could have gone
   */
  public record Chosen(List<Integer> blocks, SortedMap<Integer, Double> scores) {}

  /**
   * Returns how often all samples run through a block while blocks are chosen by loss, so that the
   * time can be estimated before.
   *
   * @param blocks of the model
   * @param period how many blocks side by side go at a time
   * @param count how many are to go, a multiple of the period
   */
  public static long runs(int blocks, int period, int count) {
    return IntStream.iterate(blocks - 1 - period, starts -> starts - period)
        .limit(count / period)
        .mapToLong(starts -> starts * (starts + 3L) / 2)
        .sum();
  }

  /**
   * Runs the samples and chooses blocks by a score.
   *
   * @param count how many blocks, a multiple of the period
   * @return the blocks in the order in which they go
   * @throws io.github.wandacuda.error.InputException if not even the lowest score is finite
   */
  public Chosen choose(BlockScore score, int count) {
    return switch (score) {
      case LOSS -> {
        Rounds rounds = new Rounds(count);
        yield lowest(count, period, 1, rounds::losses);
      }
      case INFLUENCE -> {
        double[] influence = influence();
        yield lowest(
            count,
            period,
            0,
            left ->
                IntStream.rangeClosed(0, left.size() - period)
                    .mapToDouble(
                        at ->
                            left.subList(at, at + period).stream()
                                .mapToDouble(block -> influence[block])
                                .sum())
                    .toArray());
      }
      case ANGULAR -> {
        double[] angles = angles(count);
        yield lowest(count, count, 0, left -> angles);
      }
    };
  }

  /**
   * Chooses the run of blocks side by side whose score is lowest, takes it out, and goes on with
   * the blocks that are left until enough are gone.
   *
   * @param length how many blocks go at a time
   * @param first the first place among the blocks that are left at which a run may begin
   * @param scores takes the blocks that are left, and returns the score of the run that begins at
   *     each place from {@code first} on
   */
  private Chosen lowest(
      int count, int length, int first, Function<List<Integer>, double[]> scores) {
    List<Integer> left = new ArrayList<>(IntStream.range(0, decoder.blocks()).boxed().toList());
    List<Integer> gone = new ArrayList<>();
    SortedMap<Integer, Double> ofAll = new TreeMap<>();
    while (gone.size() < count) {
      double[] all = scores.apply(left);
      for (int at = 0; gone.isEmpty() && at < all.length; at++) {
        ofAll.put(left.get(first + at), all[at]);
      }
      int lowest = 0;
      for (int at = 1; at < all.length; at++) {
        // What isn't a number counts as the largest.
        lowest = Double.compare(all[at], all[lowest]) < 0 ? at : lowest;
      }
      if (!Double.isFinite(all[lowest])) {
        throw ErrorDetails.of("block " + left.get(first + lowest))
            .wrong("a score that is finite", all[lowest]);
      }
      List<Integer> run = left.subList(first + lowest, first + lowest + length);
      gone.addAll(run);
      run.clear();
    }
    return new Chosen(gone, ofAll);
  }

  /** Takes the samples' states before a block and behind it. */
  @FunctionalInterface
  private interface Boundary {
    void take(int block, MemorySegment before, MemorySegment behind);
  }

  private void run(Boundary boundary) {
    try (BlockwiseRun run = new BlockwiseRun(decoder, samples);
        Arena arena = Arena.ofShared()) {
      MemorySegment before = arena.allocate(run.states().byteSize(), Long.BYTES);
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 1);
      run.watchedBy(passing);
      passing.overBlocks(
          0,
          index -> {
            before.copyFrom(run.states());
            try (Block block = decoder.block(index)) {
              decoder.readAhead(index + 1);
              run.advance(block);
            }
            boundary.take(index, before, run.states());
          });
    }
  }

  /** Returns 1 - the mean over all tokens of the cosine of each block's input and output. */
  public double[] influence() {
    double[] influence = new double[decoder.blocks()];
    int length = samples.get(0).length;
    try (Workers workers = new Workers(Runtime.getRuntime().availableProcessors())) {
      run(
          (block, before, behind) -> {
            double[] sums = new double[samples.size()];
            workers.run(
                sums.length,
                (worker, sample) -> {
                  for (int token = 0; token < length; token++) {
                    long row = (long) sample * length + token;
                    sums[sample] += cosine(row(before, row), row(behind, row));
                  }
                });
            influence[block] = 1 - Arrays.stream(sums).sum() / sums.length / length;
          });
    }
    return influence;
  }

  /**
   * Returns how far a run of blocks turns the hidden state of a sample's last token: the mean over
   * the samples of the angle between the run's input and its output, as a share of half a turn.
   *
   * @param count how many blocks side by side a run is
   * @return the angle by the block that the run begins with
   */
  public double[] angles(int count) {
    int blocks = decoder.blocks();
    MemorySegment[][] last = new MemorySegment[blocks + 1][samples.size()];
    run(
        (block, before, behind) -> {
          for (int sample = 0; sample < samples.size(); sample++) {
            long row = (sample + 1L) * samples.get(0).length - 1;
            if (block == 0) {
              last[0][sample] = copy(row(before, row));
            }
            last[block + 1][sample] = copy(row(behind, row));
          }
        });
    return IntStream.rangeClosed(0, blocks - count)
        .mapToDouble(
            start ->
                IntStream.range(0, samples.size())
                        .mapToDouble(
                            sample ->
                                angle(cosine(last[start][sample], last[start + count][sample])))
                        .sum()
                    / samples.size())
        .toArray();
  }

  private MemorySegment row(MemorySegment states, long row) {
    long bytes = (long) decoder.hiddenSize() * Float.BYTES;
    return states.asSlice(row * bytes, bytes);
  }

  private static MemorySegment copy(MemorySegment row) {
    return MemorySegment.ofArray(row.toArray(ValueLayout.JAVA_FLOAT));
  }

  private static double angle(double cosine) {
    return Math.acos(Math.clamp(cosine, -1.0, 1.0)) / Math.PI;
  }

  private static double cosine(MemorySegment one, MemorySegment other) {
    double product = 0;
    double ones = 0;
    double others = 0;
    for (long at = 0; at < one.byteSize(); at += Float.BYTES) {
      double a = one.get(ValueLayout.JAVA_FLOAT, at);
      double b = other.get(ValueLayout.JAVA_FLOAT, at);
      product += a * b;
      ones += a * a;
      others += b * b;
    }
    return product / (Math.sqrt(ones) * Math.sqrt(others));
  }

  /** The rounds in which trials leave out each block that may go. */
  private final class Rounds {
    private final long all;
    private long done;

    Rounds(int count) {
      all = runs(decoder.blocks(), period, count);
      progress.begin(0);
    }

    /**
     * Returns the mean loss of the samples without each run of {@code period} blocks side by side.
     * The model's first block stays, so the first trial leaves out the second of the blocks that
     * are left, and the last block stays too.
     *
     * @param left the blocks that are left, in the model's order
     */
    double[] losses(List<Integer> left) {
      double[] losses = new double[left.size() - 1 - period];
      try (BlockwiseRun whole = new BlockwiseRun(decoder, samples)) {
        advance(left, 0, List.of(whole));
        for (int from = 1; from <= losses.length; from += together) {
          int to = Math.min(from + together, losses.length + 1);
          List<BlockwiseRun> trials = new ArrayList<>();
          try {
            for (int at = from; at < left.size(); at++) {
              if (at < to) {
                MemorySegment states = whole.states();
                trials.add(new BlockwiseRun(decoder, samples, own -> own.copyFrom(states)));
              }
              // A trial has begun at the first block that it leaves out.
              int past = Math.clamp(at - from - period + 1, 0, trials.size());
              List<BlockwiseRun> passing = new ArrayList<>(trials.subList(0, past));
              if (at < Math.min(to, losses.length)) {
                passing.add(whole);
              }
              advance(left, at, passing);
            }
            for (int trial = 0; trial < trials.size(); trial++) {
              losses[from - 1 + trial] = trials.get(trial).meanLosses().average().orElseThrow();
            }
          } finally {
            trials.forEach(BlockwiseRun::close);
          }
        }
      }
      return losses;
    }

    private void advance(List<Integer> left, int at, List<BlockwiseRun> passing) {
      if (passing.isEmpty()) {
        return;
      }
      try (Block block = decoder.block(left.get(at))) {
        decoder.readAhead(at + 1 < left.size() ? left.get(at + 1) : decoder.blocks());
        for (BlockwiseRun run : passing) {
          run.advance(block);
          progress.step("run through a block", ++done, all);
        }
      }
    }
  }
}
