package io.github.wandacuda.job.structure;

import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.SourceReads;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.fit.OutputProjections;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;

/**
 * The disk and memory that a run needs to remove parts of a model.
 *
 * @param readBytes bytes of weights that are read: once for each time that samples pass all blocks,
 *     and to write and compare what is left; without what it takes to measure perplexity
 * @param writeBytes bytes of the smaller model's shards
 * @param temporaryBytes bytes on disk beside those, until the run ends, for weights that are fitted
 * @param stateBytes bytes of all samples' hidden states
 * @param memoryBytes bytes of memory outside the Java heap: hidden states, as many times as trials
 *     or fits hold them, activations, blocks, and the memory in which the widest output projection
 *     is fitted
 */
public record StructureNeeds(
    long readBytes, long writeBytes, long temporaryBytes, long stateBytes, long memoryBytes) {
  /**
   * The hidden states of a realigned fit: the dense model's, the smaller one's, and their
   * difference.
   */
  private static final int STATES_OF_REALIGN = 3;

  /** Bytes of a second moment, which is summed as a double and then divided to a float. */
  private static final int MOMENT_BYTES = Double.BYTES + Float.BYTES;

  /**
   * Squares of the inputs' width while a module is fitted: in float32 its moments, their factor and
   * its two triangles; and in double, where columns go one by one, two more.
   */
  private static final int SQUARE_BYTES = 4 * Float.BYTES + 2 * Double.BYTES;

  /** Blocks in memory: the one that samples pass, the one that it becomes, and the next one. */
  private static final int BLOCKS = 3;

  /**
   * Adds up what a run needs.
   *
   * @param smaller bytes of the smaller model's weights
   * @param trials how many mixes of parts are tried before; 0 if it is no search
   */
  static StructureNeeds of(
      ModelDirectory model,
      RemovalRequest asked,
      RemovedParts removed,
      Update update,
      Calibration calibration,
      long smaller,
      boolean verify,
      int trials) {
    long write = smaller;
    long copies = write * (verify ? 3 : 1);
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      return new StructureNeeds(copies, write, 0, 0, 0);
    }
    boolean fits = StructureFit.isNeeded(removed, update);
    boolean loss = trials > 0 || asked.parts().score().equals(BlockScore.LOSS.label());
    boolean scores = trials > 0 || !removed.known().kinds().isEmpty();
    int blocks = DecoderFamilies.shape(model).blocks();
    long passes =
        (scores ? loss ? removed.count(Structure.BLOCKS) + 1L : 1 : 0) + (fits ? trials + 1L : 0);
    long states = RunNeeds.stateBytes(model, samples.samples());
    long held = 1;
    if (scores && removed.count(Structure.BLOCKS) > 0) {
      held += loss ? StructureChoice.together(states, blocks) : 1;
    }
    if (update == Update.REALIGN) {
      held = Math.max(held, STATES_OF_REALIGN);
    }
    long memory =
        held * states
            + RunNeeds.activations(model, samples.samples())
            + BLOCKS * RunNeeds.largestBlock(model.modules(), module -> module.tensor().bytes());
    return new StructureNeeds(
        copies + passes * SourceReads.ofTensors(model),
        write,
        fits && update != Update.NONE ? fittedBytes(model) : 0,
        states,
        memory + (fits ? fittingBytes(model, update) : 0));
  }

  /** Returns the bytes of all output projections, which are written when they are fitted. */
  private static long fittedBytes(ModelDirectory model) {
    return OutputProjections.of(model).stream().mapToLong(module -> module.tensor().bytes()).sum();
  }

  /**
   * Returns the bytes of memory of the output projection that takes the most while it is fitted.
   */
  private static long fittingBytes(ModelDirectory model, Update update) {
    int hidden = DecoderFamilies.shape(model).hiddenSize();
    return OutputProjections.of(model).stream()
        .mapToLong(
            module -> {
              long columns = module.columns();
              int joint = module.columns() + 1 + (update == Update.REALIGN ? hidden : 0);
              return MOMENT_BYTES * Gram.elements(joint)
                  + SQUARE_BYTES * columns * columns
                  + 3 * Float.BYTES * columns * module.rows();
            })
        .max()
        .orElse(0);
  }
}
