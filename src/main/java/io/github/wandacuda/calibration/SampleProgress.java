package io.github.wandacuda.calibration;

import java.util.Arrays;
import java.util.function.LongSupplier;

/**
 * Tells of samples that pass the blocks of a decoder, since a block of a large model takes minutes.
 * Called by the thread that runs the samples.
 *
 * <p>A block takes several passes: of samples, and of modules that are pruned. How long each takes
 * beside the others depends on the method and the model: pruning by ALPS takes twenty times as long
 * as a few short samples, and a thousandth of many long ones. In the first block all count alike.
 * Afterwards each counts as much as it took in the block before.
 */
public final class SampleProgress {
  static final SampleProgress NONE = new SampleProgress(Progress.NONE, 1, 1);

  private final Progress progress;
  private final int blocks;
  private final LongSupplier nanos;

  /** The part of a block's time that each pass takes; together 1. */
  private final double[] parts;

  /** The nanoseconds that each pass has taken in the block that is at work. */
  private final long[] taken;

  private int block;
  private int pass;
  private long begun;
  private String what = "sample";

  /**
   * Prepares for a decoder.
   *
   * @param progress is told
   * @param blocks of the decoder
   * @param passes how often the samples, or something else, go through each block; at first they
   *     count as equally long
   */
  public SampleProgress(Progress progress, int blocks, int passes) {
    this(progress, blocks, passes, System::nanoTime);
  }

  /**
   * Prepares for a decoder with a clock of one's own.
   *
   * @param nanos the clock, as {@link System#nanoTime}
   */
  SampleProgress(Progress progress, int blocks, int passes, LongSupplier nanos) {
    this.progress = progress;
    this.blocks = blocks;
    this.nanos = nanos;
    parts = new double[passes];
    taken = new long[passes];
    Arrays.fill(parts, 1.0 / passes);
  }

  /** What is done with a block, in one or several passes. */
  @FunctionalInterface
  public interface Work<E extends Exception> {
    /**
     * Does it with the block of a number.
     *
     * @param block from 0
     */
    void run(int block) throws E;
  }

  /**
   * Goes through the blocks in order, and tells of each that is done.
   *
   * @param first the block to begin with: an interrupted run has done those before it
   * @param work is done with each
   */
  public <E extends Exception> void overBlocks(int first, Work<E> work) throws E {
    progress.begin((double) first / blocks);
    for (int index = first; index < blocks; index++) {
      Arrays.fill(taken, 0);
      begun = nanos.getAsLong();
      pass = 0;
      begin(index, 0, "sample");
      work.run(index);
      // The last block has no pass that brings samples to a next one.
      if (index + 1 < blocks) {
        weigh();
      }
      progress.step("block", index + 1, blocks);
    }
  }

  /** Makes the time that each pass took in this block its part of the next one. */
  private void weigh() {
    endPass();
    double all = Arrays.stream(taken).sum();
    for (int index = 0; all > 0 && index < parts.length; index++) {
      parts[index] = taken[index] / all;
    }
  }

  private void endPass() {
    long now = nanos.getAsLong();
    taken[pass] += now - begun;
    begun = now;
  }

  /**
   * Called before a pass of samples through a block begins.
   *
   * @param index of the block, from 0
   * @param number of the pass, from 0
   * @param sample what a sample is called in it
   */
  public void begin(int index, int number, String sample) {
    endPass();
    block = index;
    pass = number;
    what = sample;
  }

  /**
   * Called when samples of the pass are done.
   *
   * @param done how many of this pass
   * @param total how many there are
   */
  public void passed(int done, int total) {
    within(done, total, (double) done / total);
  }

  /**
   * Called before a pass begins that is none of samples, such as the pruning of a block's modules.
   *
   * @param index of the block, from 0
   * @param number of the pass, from 0
   * @param step what its steps are called
   * @return the progress to tell of these steps
   */
  public Progress other(int index, int number, String step) {
    begin(index, number, step);
    return (any, done, total, share) -> within(done, total, share);
  }

  private void within(long done, long total, double part) {
    double before = Arrays.stream(parts, 0, pass).sum();
    double share = (block + Math.min(1, before + part * parts[pass])) / blocks;
    progress.within("block %d of %d, %s".formatted(block + 1, blocks, what), done, total, share);
  }
}
