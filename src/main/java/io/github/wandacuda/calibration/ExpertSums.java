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

/**
 * Sums, in double, what {@link ExpertScore}s are computed from while samples run through a block.
 * Batches are added up in their order, so that the bits don't depend on which device ran which.
 */
final class ExpertSums {
  private final Collection<ExpertScore> wanted;
  private final Map<Integer, BatchSums> batches = new ConcurrentSkipListMap<>();

  /**
   * Begins at zero.
   *
   * @param wanted the scores; none to sum nothing
   */
  ExpertSums(Collection<ExpertScore> wanted) {
    this.wanted = wanted;
  }

  /**
   * Returns the observer that sums a batch.
   *
   * @param batch the batch's number
   * @param operations of the device that the batch runs on
   */
  InputObserver of(int batch, Operations operations) {
    return wanted.isEmpty()
        ? InputObserver.NONE
        : batches.computeIfAbsent(
            batch, first -> new BatchSums(operations, wanted.contains(ExpertScore.DROP)));
  }

  /**
   * Returns the scores of all routers' experts by the names of their tensors in a statistics file,
   * once all batches have run.
   *
   * @throws InputException if a score isn't finite
   */
  Map<String, float[]> scores() {
    BatchSums all = new BatchSums(null, false);
    batches.values().forEach(all::add);
    Map<String, float[]> scores = new TreeMap<>();
    all.tokens.forEach(
        (router, tokens) -> {
          double[] weighted = all.of(ExpertScore.WEIGHTED, router, tokens.length);
          double[] frequency = all.of(ExpertScore.FREQUENCY, router, tokens.length);
          double[] mean = all.of(ExpertScore.REAP, router, tokens.length);
          Arrays.setAll(mean, expert -> weighted[expert] / Math.max(1, frequency[expert]));
          double[] square = all.of(ExpertScore.MEAN_SQUARE, router, tokens.length);
          Arrays.setAll(
              square, expert -> Math.sqrt(square[expert] / Math.max(1, frequency[expert])));
          double[] drop = all.sums.getOrDefault(ExpertScore.DROP.tensor(router), new double[0]);
          Arrays.setAll(drop, expert -> drop[expert] / tokens[expert]);
        });
    all.sums.forEach((tensor, sums) -> scores.put(tensor, finite(tensor, sums)));
    return scores;
  }

  private static float[] finite(String tensor, double[] sums) {
    float[] values = new float[sums.length];
    for (int expert = 0; expert < values.length; expert++) {
      values[expert] = (float) sums[expert];
      if (!Float.isFinite(values[expert])) {
        throw ErrorDetails.of(Printable.of(tensor))
            .wrong(
                "a finite score of expert %d".formatted(expert),
                "%s: its outputs are too large".formatted(values[expert]));
      }
    }
    return values;
  }

  /** The sums over one batch, or over all. */
  private static final class BatchSums implements InputObserver {
    private final Operations operations;
    private final boolean absence;

    /** By the names of tensors in a statistics file. */
    private final Map<String, double[]> sums = new TreeMap<>();

    /** For each router, over how many tokens the absence of each expert was seen. */
    private final Map<String, double[]> tokens = new TreeMap<>();

    BatchSums(Operations operations, boolean absence) {
      this.operations = operations;
      this.absence = absence;
    }

    void add(BatchSums batch) {
      batch.sums.forEach((name, more) -> add(sums, name, more));
      batch.tokens.forEach((name, more) -> add(tokens, name, more));
    }

    private static void add(Map<String, double[]> to, String name, double[] more) {
      double[] all = to.computeIfAbsent(name, first -> new double[more.length]);
      Arrays.setAll(all, expert -> all[expert] + more[expert]);
    }

    private double[] of(ExpertScore score, String router, int experts) {
      return sums.computeIfAbsent(score.tensor(router), first -> new double[experts]);
    }

    private double[] tokens(Expert expert) {
      return tokens.computeIfAbsent(expert.router(), first -> new double[expert.count()]);
    }

    @Override
    public void input(List<String> modules, Tensor input) {}

    @Override
    public void expert(Expert expert, float[] weights, Tensor output) {
      double[] squares = squares(output);
      double norms = 0;
      double weighted = 0;
      double weightedSquares = 0;
      for (int row = 0; row < squares.length; row++) {
        double norm = Math.sqrt(squares[row]);
        double factor = weights[row];
        norms += norm;
        weighted += factor * norm;
        weightedSquares += factor * factor * squares[row];
      }
      int experts = tokens(expert).length;
      of(ExpertScore.FREQUENCY, expert.router(), experts)[expert.index()] += squares.length;
      of(ExpertScore.EAN, expert.router(), experts)[expert.index()] += norms;
      of(ExpertScore.WEIGHTED, expert.router(), experts)[expert.index()] += weighted;
      of(ExpertScore.MEAN_SQUARE, expert.router(), experts)[expert.index()] += weightedSquares;
    }

    @Override
    public boolean seesAbsence() {
      return absence;
    }

    @Override
    public void without(Expert expert, Tensor change) {
      of(ExpertScore.DROP, expert.router(), expert.count())[expert.index()] +=
          Arrays.stream(squares(change)).sum();
      tokens(expert)[expert.index()] += change.rows();
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
