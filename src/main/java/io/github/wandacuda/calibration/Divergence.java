package io.github.wandacuda.calibration;

import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * How far a model's predictions of the next token are from those of the dense model: the
 * Kullback-Leibler divergence {@code sum p (log p - log q)} of the model's distribution q from the
 * dense one p, and how often both find the same token the most probable. Perplexity asks about one
 * token at each position; these ask about all of them, so that a model that is wrong in another way
 * can't come out as good.
 *
 * @param nats the divergences of all positions together
 * @param equalTop at how many positions the most probable token is the same; of equals it is the
 *     one with the lowest id
 * @param positions how many there are: every token of a window but the last
 */
public record Divergence(double nats, long equalTop, long positions) {
  static final Divergence NONE = new Divergence(0, 0, 0);

  /** Returns the mean divergence of a position, in nats; not finite if some logit isn't. */
  public double kl() {
    return nats / positions;
  }

  /** Returns the share of positions at which the most probable token is the same. */
  public double top1Agreement() {
    return (double) equalTop / positions;
  }

  /** Returns this and the divergence at other positions together. */
  Divergence plus(Divergence other) {
    return new Divergence(
        nats + other.nats, equalTop + other.equalTop, positions + other.positions);
  }

  /**
   * Compares the logits a of the dense model with b of another one at one position. With the sums
   * of exponentials {@code log p - log q = (a - b) - (log sum exp a - log sum exp b)}.
   *
   * @param dense float32
   * @param other float32
   * @param start the element of the first token in both
   */
  static Divergence of(MemorySegment dense, MemorySegment other, long start, int vocabulary) {
    int densest = top(dense, start, vocabulary);
    int otherTop = top(other, start, vocabulary);
    double denseMost = at(dense, start + densest);
    double otherMost = at(other, start + otherTop);
    double denseSum = 0;
    double otherSum = 0;
    double difference = 0;
    for (long index = start; index < start + vocabulary; index++) {
      double a = at(dense, index);
      double b = at(other, index);
      double weight = Math.exp(a - denseMost);
      denseSum += weight;
      otherSum += Math.exp(b - otherMost);
      // A token that the dense model excludes, by a logit of minus infinity, adds nothing.
      difference += weight == 0 ? 0 : weight * (a - b);
    }
    double normalizers = denseMost + Math.log(denseSum) - (otherMost + Math.log(otherSum));
    double nats = difference / denseSum - normalizers;
    // Rounding may take the divergence of nearly equal rows below zero.
    return new Divergence(nats < 0 ? 0 : nats, densest == otherTop ? 1 : 0, 1);
  }

  private static int top(MemorySegment rows, long start, int vocabulary) {
    int top = 0;
    double most = at(rows, start);
    for (int token = 1; token < vocabulary; token++) {
      double value = at(rows, start + token);
      if (value > most) {
        most = value;
        top = token;
      }
    }
    return top;
  }

  private static double at(MemorySegment rows, long index) {
    return rows.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /**
   * Returns the bytes of host memory that {@link Meter} takes.
   *
   * @param vocabulary of both models
   */
  public static long bytes(int vocabulary) {
    return 2L * Decoder.LOGIT_ROWS * vocabulary * Float.BYTES;
  }

  /** What one window says: the mean loss of its tokens in the other model, and the divergence. */
  record WindowFigures(double loss, Divergence divergence) {}

  /**
   * Compares the logits of two models, {@link Decoder#LOGIT_ROWS} rows at a time in host memory. A
   * row is summed in float64 in the order of its tokens by one thread, so that the result doesn't
   * depend on their number.
   */
  static final class Meter implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment dense;
    private final MemorySegment logits;
    private final int vocabulary;
    private final WorkerPool workers;

    Meter(int vocabulary, WorkerPool workers) {
      this.vocabulary = vocabulary;
      this.workers = workers;
      dense = arena.allocate(bytes(vocabulary) / 2, Float.BYTES);
      logits = arena.allocate(bytes(vocabulary) / 2, Float.BYTES);
    }

    /**
     * Compares the predictions in a window, and returns the mean loss of its tokens in the other
     * model too.
     *
     * @param reference the dense model's run, behind its last block
     * @param run the other model's run of the same windows, behind its last block
     * @param window its number in both runs
     */
    WindowFigures measure(BlockwiseRun reference, BlockwiseRun run, int window) {
      int positions = run.sequenceLength() - 1;
      double[] losses = new double[positions];
      Divergence sum = NONE;
      for (int from = 0; from < positions; from += Decoder.LOGIT_ROWS) {
        int count = Math.min(Decoder.LOGIT_ROWS, positions - from);
        reference.logits(window, from, count, dense);
        double[] some = run.logitsAndLosses(window, from, count, logits);
        System.arraycopy(some, 0, losses, from, count);
        sum = sum.plus(rows(count));
      }
      return new WindowFigures(Arrays.stream(losses).average().orElseThrow(), sum);
    }

    private Divergence rows(int count) {
      Divergence[] each = new Divergence[count];
      workers.run(
          count,
          (worker, row) -> each[row] = of(dense, logits, (long) row * vocabulary, vocabulary));
      return Arrays.stream(each).reduce(NONE, Divergence::plus);
    }

    @Override
    public void close() {
      arena.close();
    }
  }
}
