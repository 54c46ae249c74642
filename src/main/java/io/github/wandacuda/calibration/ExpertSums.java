package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.InputObserver;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.IntToDoubleFunction;

/**
 * Sums what {@link ExpertScore}s are made of while samples run through a block, in double. Batches
 * are added up in their order, so that the bits don't depend on who ran them.
 */
final class ExpertSums {
  private final boolean absence;
  private final Map<Integer, BatchSums> batches = new ConcurrentSkipListMap<>();

  /**
   * Begins at zero; {@link ExpertScore#DROP} is there if it is among the scores that are wanted.
   */
  ExpertSums(Collection<ExpertScore> wanted) {
    absence = wanted.contains(ExpertScore.DROP);
  }

  /** Returns what sums a batch that runs on a device. */
  InputObserver of(int batch, Operations operations) {
    return batches.computeIfAbsent(batch, first -> new BatchSums(operations, absence));
  }

  /** Returns the scores of all routers by their names in a statistics file. */
  Map<String, float[]> scores() {
    Map<String, double[][]> totals = new TreeMap<>();
    for (BatchSums batch : batches.values()) {
      batch.sums.forEach(
          (router, sums) -> {
            double[][] total = totals.computeIfAbsent(router, first -> zeros(sums[0].length));
            for (int kind = 0; kind < sums.length; kind++) {
              Arrays.setAll(total[kind], add(total[kind], sums[kind]));
            }
          });
    }
    Map<String, float[]> scores = new TreeMap<>();
    totals.forEach((router, total) -> put(router, total, scores));
    return scores;
  }

  private static IntToDoubleFunction add(double[] to, double[] more) {
    return at -> to[at] + more[at];
  }

  private static double[][] zeros(int experts) {
    return new double[Kind.values().length][experts];
  }

  private void put(String router, double[][] total, Map<String, float[]> scores) {
    double[] tokens = total[Kind.TOKENS.ordinal()];
    double[] weighted = total[Kind.WEIGHTED.ordinal()];
    put(router, ExpertScore.FREQUENCY, tokens, 1, scores);
    put(router, ExpertScore.EAN, total[Kind.NORMS.ordinal()], 1, scores);
    put(router, ExpertScore.WEIGHTED, weighted, 1, scores);
    double[] means = new double[tokens.length];
    Arrays.setAll(means, expert -> weighted[expert] / Math.max(1, tokens[expert]));
    put(router, ExpertScore.REAP, means, 1, scores);
    if (absence) {
      double all = total[Kind.ALL_TOKENS.ordinal()][0];
      put(router, ExpertScore.DROP, total[Kind.CHANGES.ordinal()], all, scores);
    }
  }

  private static void put(
      String router, ExpertScore score, double[] sums, double by, Map<String, float[]> scores) {
    float[] values = new float[sums.length];
    for (int expert = 0; expert < values.length; expert++) {
      values[expert] = (float) (sums[expert] / by);
      if (!Float.isFinite(values[expert])) {
        throw ErrorDetails.of("module " + Printable.of(router))
            .wrong(
                "a finite score of expert %d".formatted(expert),
                "%s: its outputs are too large".formatted(values[expert]));
      }
    }
    scores.put(score.tensor(router), values);
  }

  /** What is summed for each expert, or in the first one's place. */
  private enum Kind {
    TOKENS,
    NORMS,
    WEIGHTED,
    CHANGES,
    ALL_TOKENS
  }

  /** The sums over one batch, by router. */
  private static final class BatchSums implements InputObserver {
    private final Operations operations;
    private final boolean absence;
    private final Map<String, double[][]> sums = new TreeMap<>();

    BatchSums(Operations operations, boolean absence) {
      this.operations = operations;
      this.absence = absence;
    }

    @Override
    public void input(List<String> modules, Tensor input) {}

    @Override
    public void expert(Expert expert, float[] weights, Tensor output) {
      double[][] own = of(expert);
      double[] squares = squares(output);
      for (int row = 0; row < squares.length; row++) {
        double norm = Math.sqrt(squares[row]);
        own[Kind.NORMS.ordinal()][expert.index()] += norm;
        own[Kind.WEIGHTED.ordinal()][expert.index()] += weights[row] * norm;
      }
      own[Kind.TOKENS.ordinal()][expert.index()] += squares.length;
    }

    @Override
    public boolean seesAbsence() {
      return absence;
    }

    @Override
    public void without(Expert expert, Tensor change) {
      double[][] own = of(expert);
      own[Kind.CHANGES.ordinal()][expert.index()] += Arrays.stream(squares(change)).sum();
      if (expert.index() == 0) {
        own[Kind.ALL_TOKENS.ordinal()][0] += change.rows();
      }
    }

    private double[][] of(Expert expert) {
      return sums.computeIfAbsent(expert.router(), first -> zeros(expert.count()));
    }

    /** Returns the sum of the squares of each row. */
    private double[] squares(Tensor rows) {
      float[] values = new float[Math.multiplyExact(rows.rows(), rows.columns())];
      operations.download(rows, MemorySegment.ofArray(values));
      double[] squares = new double[rows.rows()];
      for (int at = 0; at < values.length; at++) {
        squares[at / rows.columns()] += (double) values[at] * values[at];
      }
      return squares;
    }
  }
}
