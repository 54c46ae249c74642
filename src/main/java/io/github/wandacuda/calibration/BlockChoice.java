package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Chooses blocks of a decoder that can go, by samples that run through it. Scores are of the
 * residual stream before the final norm; of equal ones the first counts.
 *
 * <p>Of L blocks, influence and angle take one pass over the samples. The loss takes a pass for
 * each block that is left, again for each that goes, but the trials of a round run side by side:
 * one begins where the model without its block begins to differ, so that a round takes about L² / 2
 * runs of the samples through a block instead of L², and each block's weights are read once for as
 * many trials as there is memory for the hidden states of.
 */
public final class BlockChoice {
  private final Decoder decoder;
  private final Operations operations;
  private final List<int[]> samples;
  private final int period;
  private final Progress progress;

  /**
   * Prepares a choice.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param period how many blocks side by side go at a time
   */
  public BlockChoice(
      Decoder decoder, Operations operations, List<int[]> samples, int period, Progress progress) {
    this.decoder = decoder;
    this.operations = operations;
    this.samples = List.copyOf(samples);
    this.period = period;
    this.progress = progress;
  }

  /**
   * Chooses by a score.
   *
   * @param count how many blocks, a multiple of the period
   * @param together trials of the loss that run side by side, 1 or more
   * @return the blocks in the order in which they go
   */
  public List<Integer> choose(BlockScore score, int count, int together) {
    int blocks = decoder.blocks();
    return switch (score) {
      case LOSS -> {
        Trials trials = new Trials(count, together);
        yield lowest(blocks, count, period, 1, trials::losses);
      }
      case INFLUENCE -> {
        double[] influence = influence();
        yield lowest(blocks, count, period, 0, left -> sums(left, period, influence));
      }
      case ANGULAR -> {
        double[] angles = angles(count);
        yield lowest(blocks, count, count, 0, left -> angles);
      }
    };
  }

  /**
   * Chooses blocks side by side with the lowest scores until there are enough.
   *
   * @param period how many go at a time
   * @param first the place of the first one among those left that may go
   * @param scores returns those of each place from there on at which such blocks can begin
   */
  public static List<Integer> lowest(
      int blocks, int count, int period, int first, Function<List<Integer>, double[]> scores) {
    List<Integer> left = new ArrayList<>(IntStream.range(0, blocks).boxed().toList());
    List<Integer> gone = new ArrayList<>();
    while (gone.size() < count) {
      double[] all = scores.apply(left);
      int lowest = 0;
      for (int at = 1; at < all.length; at++) {
        // Of what isn't a number, this makes the largest.
        lowest = Double.compare(all[at], all[lowest]) < 0 ? at : lowest;
      }
      if (!Double.isFinite(all[lowest])) {
        throw ErrorDetails.of("block " + left.get(first + lowest))
            .wrong("a score that is finite", all[lowest]);
      }
      List<Integer> run = left.subList(first + lowest, first + lowest + period);
      gone.addAll(run);
      run.clear();
    }
    return gone;
  }

  /** Returns the sums of values of so many blocks side by side, by where they begin. */
  public static double[] sums(List<Integer> left, int period, double[] values) {
    return IntStream.rangeClosed(0, left.size() - period)
        .mapToDouble(
            at -> left.subList(at, at + period).stream().mapToDouble(block -> values[block]).sum())
        .toArray();
  }

  /** Takes the samples' states before a block and behind it. */
  @FunctionalInterface
  private interface Boundary {
    void take(int block, MemorySegment before, MemorySegment behind);
  }

  private void run(Boundary boundary) {
    try (BlockwiseRun run = new BlockwiseRun(decoder, operations, samples);
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
   * Returns the mean over the samples of the angle at their last token, as a share of half a turn,
   * between the input of so many blocks side by side and their output, by where they begin.
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

  /** The rounds in which a block each is left out for a trial. */
  private final class Trials {
    private final int together;
    private final long all;
    private long done;

    Trials(int count, int together) {
      this.together = together;
      all =
          IntStream.range(0, count / period)
              .mapToLong(round -> passes(decoder.blocks() - round * period))
              .sum();
      progress.begin(0);
    }

    /** Returns how often the samples run through a block in a round. */
    private long passes(int left) {
      long starts = left - 1L - period;
      return starts + starts * (starts + 1) / 2;
    }

    /** A run without the blocks from a place among those left on. */
    private record Trial(int start, BlockwiseRun run) {}

    /** Returns the mean loss of the samples without blocks side by side, from the second on. */
    double[] losses(List<Integer> left) {
      double[] losses = new double[left.size() - 1 - period];
      try (BlockwiseRun whole = new BlockwiseRun(decoder, operations, samples)) {
        advance(whole, left.get(0));
        for (int from = 1; from <= losses.length; from += together) {
          int to = Math.min(from + together, losses.length + 1);
          List<Trial> trials = new ArrayList<>();
          try {
            for (int at = from; at < left.size(); at++) {
              pass(left, at, to, whole, trials);
            }
            for (Trial trial : trials) {
              losses[trial.start() - 1] = loss(trial.run());
            }
          } finally {
            trials.forEach(trial -> trial.run().close());
          }
        }
      }
      return losses;
    }

    private void pass(List<Integer> left, int at, int to, BlockwiseRun whole, List<Trial> trials) {
      if (at < to) {
        MemorySegment states = whole.states();
        trials.add(
            new Trial(
                at, new BlockwiseRun(decoder, operations, samples, own -> own.copyFrom(states))));
      }
      try (Block block = decoder.block(left.get(at))) {
        decoder.readAhead(at + 1 < left.size() ? left.get(at + 1) : decoder.blocks());
        for (Trial trial : trials) {
          if (at >= trial.start() + period) {
            advance(trial.run(), block);
          }
        }
        if (at < to && at + period + 1 < left.size()) {
          advance(whole, block);
        }
      }
    }

    private void advance(BlockwiseRun run, int index) {
      try (Block block = decoder.block(index)) {
        advance(run, block);
      }
    }

    private void advance(BlockwiseRun run, Block block) {
      run.advance(block);
      done++;
      progress.step("run through a block", done, all);
    }

    private double loss(BlockwiseRun run) {
      return IntStream.range(0, samples.size()).mapToDouble(run::meanLoss).average().orElseThrow();
    }
  }
}
