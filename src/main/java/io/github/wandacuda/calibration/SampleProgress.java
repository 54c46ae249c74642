package io.github.wandacuda.calibration;

/**
 * Tells of samples that pass the blocks of a decoder, since a block of a large model takes minutes.
 * Called by the thread that runs the samples.
 */
public final class SampleProgress {
  static final SampleProgress NONE = new SampleProgress(Progress.NONE, 1, 1);

  private final Progress progress;
  private final int blocks;
  private final int passes;
  private int block;
  private int pass;
  private String what = "sample";

  /** Prepares for so many passes through each block, which take about as long as each other. */
  public SampleProgress(Progress progress, int blocks, int passes) {
    this.progress = progress;
    this.blocks = blocks;
    this.passes = passes;
  }

  /** What is done with a block. */
  @FunctionalInterface
  public interface Work<E extends Exception> {
    void run(int block) throws E;
  }

  /** Goes through the blocks from the first that isn't done, and tells of each that is. */
  public <E extends Exception> void overBlocks(int first, Work<E> work) throws E {
    progress.begin((double) first / blocks);
    for (int index = first; index < blocks; index++) {
      begin(index, 0, "sample");
      work.run(index);
      progress.step("block", index + 1, blocks);
    }
  }

  /** Called before samples pass a block. */
  public void begin(int index, int number, String sample) {
    block = index;
    pass = number;
    what = sample;
  }

  /** Called when so many samples of the pass are done. */
  public void passed(int done, int total) {
    double share = (block + (pass + (double) done / total) / passes) / blocks;
    progress.within("block %d of %d, %s".formatted(block + 1, blocks, what), done, total, share);
  }
}
