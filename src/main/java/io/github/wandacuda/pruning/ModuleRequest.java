package io.github.wandacuda.pruning;

import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerPruner.LayerInputs;
import io.github.wandacuda.select.ResidentMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A request to prune a module.
 *
 * @param inputs what is known beside the weights
 * @param held where the weight is pruned as a whole if it is needed afterwards, or null
 * @param resident the weight on the device if it is pruned there too, or null
 */
public record ModuleRequest(
    LinearModule module, LayerInputs inputs, HeldWeight held, ResidentMatrix resident) {
  /**
   * Returns a request for a weight of which no more is known than its norms.
   *
   * @param norms of its input columns, or null
   * @param held as above, or null
   */
  public static ModuleRequest of(LinearModule module, float[] norms, HeldWeight held) {
    return new ModuleRequest(module, new LayerInputs(norms, null, 0, Optional.empty()), held);
  }

  /** Makes a request for a weight that isn't on the device. */
  public ModuleRequest(LinearModule module, LayerInputs inputs, HeldWeight held) {
    this(module, inputs, held, null);
  }

  /** Puts the pruned weight, which is held, in the place of the dense one in a block. */
  public void keepIn(Block block) {
    block.replace(module.name(), module.rows(held.bytes()));
  }

  /** Returns the norm of each input column, or null to score by magnitude. */
  public float[] norms() {
    return inputs.norms();
  }

  /**
   * The memory in which a module's weight is pruned as a whole, since it is needed afterwards.
   *
   * @param bytes the weight, laid out as in its file
   * @param filled whether it is there already, so that the file isn't read
   */
  public record HeldWeight(MemorySegment bytes, boolean filled) {
    private static final long ALIGNMENT = 64;

    /**
     * Returns a block's own memory, or new memory if the block's weight is elsewhere.
     *
     * @param arena owns new memory
     */
    public static HeldWeight of(LinearModule module, Block block, Arena arena) {
      return block
          .bytes(module.name())
          .map(bytes -> new HeldWeight(bytes, true))
          .orElseGet(
              () -> new HeldWeight(arena.allocate(module.tensor().bytes(), ALIGNMENT), false));
    }
  }
}
