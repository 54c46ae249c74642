package io.github.wandacuda.calibration;

import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * What the dense model predicts in windows of text, with which other models are compared. Its
 * hidden states behind the last block are kept, so that the model runs once for all of them.
 */
public final class DenseReference implements AutoCloseable {
  private final List<int[]> windows;
  private final List<BlockwiseRun> runs = new ArrayList<>();
  private double perplexity;

  private DenseReference(List<int[]> windows) {
    this.windows = windows;
  }

  /**
   * Runs the dense model.
   *
   * @param decoder stays the caller's, and open as long as this is
   * @param windows token ids, at least one; they may differ in length
   * @throws io.github.wandacuda.error.InputException as {@link Perplexity#of} does
   */
  public static DenseReference of(Decoder decoder, List<int[]> windows, Progress progress) {
    DenseReference reference = new DenseReference(windows);
    OnFailure.run(reference::close, () -> reference.run(decoder, progress));
    return reference;
  }

  private void run(Decoder decoder, Progress progress) {
    TextPass pass = new TextPass(decoder, windows, progress);
    DoubleStream.Builder losses = DoubleStream.builder();
    for (List<int[]> group : pass.groups()) {
      BlockwiseRun run = pass.run(group);
      runs.add(run);
      pass.losses(group, run).forEach(losses);
    }
    perplexity = Perplexity.ofFinite(losses.build().toArray());
  }

  /** Returns the dense model's perplexity, to the bit that of {@link Perplexity#of}. */
  public double perplexity() {
    return perplexity;
  }

  /**
   * What a text says of another model.
   *
   * @param perplexity to the bit that of {@link Perplexity#of}; {@link #judge} refuses one that
   *     isn't finite, {@link #compare} returns it
   * @param divergence from the dense model
   */
  public record Judged(double perplexity, Divergence divergence) {}

  /**
   * Runs another model over the same windows, and compares it with the dense one.
   *
   * @param other has the same vocabulary
   * @param workers compare rows of logits
   * @throws io.github.wandacuda.error.InputException as {@link Perplexity#of} does
   */
  public Judged judge(Decoder other, WorkerPool workers, Progress progress) {
    TextPass pass = new TextPass(other, windows, progress);
    Sums sums = new Sums(windows.size());
    Iterator<BlockwiseRun> dense = runs.iterator();
    try (Divergence.Meter meter = new Divergence.Meter(other.vocabulary(), workers)) {
      for (List<int[]> group : pass.groups()) {
        try (BlockwiseRun run = pass.run(group)) {
          int first = sums.measured;
          sums.add(meter, dense.next(), run);
          for (int window = 0; window < group.size(); window++) {
            pass.requireFinite(group.get(window), sums.losses[first + window]);
          }
        }
      }
    }
    return new Judged(Perplexity.ofFinite(sums.losses), sums.divergence);
  }

  /**
   * Compares runs of another model with the dense one's.
   *
   * @param others runs of the same windows behind the last block, one for each length of window, as
   *     {@link Perplexity#byLength} groups them; they stay the caller's
   */
  public Judged compare(List<BlockwiseRun> others, int vocabulary, WorkerPool workers) {
    Sums sums = new Sums(windows.size());
    Iterator<BlockwiseRun> dense = runs.iterator();
    try (Divergence.Meter meter = new Divergence.Meter(vocabulary, workers)) {
      others.forEach(run -> sums.add(meter, dense.next(), run));
    }
    return new Judged(Perplexity.of(sums.losses), sums.divergence);
  }

  /** The losses of windows one after the other, and the divergence of all of them together. */
  private static final class Sums {
    private final double[] losses;
    private Divergence divergence = Divergence.NONE;
    private int measured;

    Sums(int windows) {
      losses = new double[windows];
    }

    void add(Divergence.Meter meter, BlockwiseRun dense, BlockwiseRun other) {
      for (int window = 0; window < other.count(); window++) {
        Divergence.WindowFigures figures = meter.measure(dense, other, window);
        losses[measured++] = figures.loss();
        divergence = divergence.plus(figures.divergence());
      }
    }
  }

  @Override
  public void close() {
    runs.forEach(BlockwiseRun::close);
  }
}
