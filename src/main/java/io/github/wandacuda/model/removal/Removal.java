package io.github.wandacuda.model.removal;

import java.util.List;
import java.util.Map;

/** The removable parts of one kind that a model has, and the model without some of them. */
public sealed interface Removal permits ExpertRemoval, BlockRemoval, WidthRemoval {
  /**
   * Returns how many parts there are: of blocks in the model, of other kinds in each block that has
   * them.
   */
  int size();

  /**
   * Returns how many parts a share is, rounded down to a number that can be removed.
   *
   * @param ratio from 0 to 1
   * @param multiple as many parts as possible are removed so that the number that stays is a
   *     multiple of it; 0 for the kind's own. Only channels take it
   */
  int share(double ratio, int multiple);

  /**
   * Checks that so many parts can be removed: from the model, or from each block that has them.
   *
   * @throws io.github.wandacuda.error.InputException if they can't
   */
  void requireRemovable(int count);

  /** Returns the number whose multiples can be removed, as long as enough parts stay. */
  default int step() {
    return 1;
  }

  /**
   * Plans the model without some parts.
   *
   * @param removed the numbers of the parts to remove, by block; for a block that is removed
   *     itself, its own key with no numbers
   * @throws io.github.wandacuda.error.InputException if these can't be removed together
   */
  StructurePlan without(Map<Integer, List<Integer>> removed);
}
