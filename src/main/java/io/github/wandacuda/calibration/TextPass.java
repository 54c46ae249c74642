package io.github.wandacuda.calibration;

import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.OnFailure;
import java.util.Collection;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** Runs windows of text through all blocks of a decoder, and tells how far it is. */
final class TextPass {
  private final Decoder decoder;
  private final List<int[]> windows;
  private final Collection<List<int[]>> groups;
  private final Progress progress;
  private final int steps;
  private final double all;
  private double done;
  private int step;

  /**
   * Prepares for windows.
   *
   * @param windows token ids, at least one; they may differ in length
   */
  TextPass(Decoder decoder, List<int[]> windows, Progress progress) {
    this.decoder = decoder;
    this.windows = windows;
    this.progress = progress;
    groups = Perplexity.byLength(windows);
    steps = groups.size() * decoder.blocks();
    all = windows.stream().mapToLong(window -> window.length).sum();
    progress.begin(0);
  }

  /** Returns the windows of each length, the shortest first. */
  Collection<List<int[]>> groups() {
    return groups;
  }

  /**
   * Runs the windows of one length through all blocks.
   *
   * @return the run behind the last block, for the caller to close
   */
  BlockwiseRun run(List<int[]> group) {
    BlockwiseRun run = new BlockwiseRun(decoder, group);
    OnFailure.run(run::close, () -> passAll(group, run));
    return run;
  }

  /**
   * Returns the mean loss of each window of a group, in nats.
   *
   * @param run of the group, behind the last block
   * @throws io.github.wandacuda.error.InputException if one isn't finite
   */
  DoubleStream losses(List<int[]> group, BlockwiseRun run) {
    return IntStream.range(0, group.size())
        .mapToDouble(window -> requireFinite(group.get(window), run.meanLoss(window)));
  }

  /**
   * Returns the loss of a window if it is finite.
   *
   * @throws io.github.wandacuda.error.InputException that says where the first value is that isn't
   */
  double requireFinite(int[] window, double loss) {
    if (!Double.isFinite(loss)) {
      throw NonFiniteLoss.of(decoder, window, "window " + windows.indexOf(window), loss);
    }
    return loss;
  }

  private void passAll(List<int[]> group, BlockwiseRun run) {
    SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 1);
    if (groups.size() == 1) {
      run.watchedBy(passing);
    }
    double tokens = (double) group.size() * group.getFirst().length;
    for (int index = 0; index < decoder.blocks(); index++) {
      passing.begin(index, 0, "window");
      try (Block block = decoder.block(index)) {
        decoder.readAhead(index + 1);
        run.advance(block);
      }
      done += tokens / decoder.blocks();
      progress.step("block", ++step, steps, done / all);
    }
  }
}
