package io.github.wandacuda.model.removal;

import java.util.List;
import java.util.Map;

/** The parts of a kind that a model has, and the model without some of them. */
public sealed interface Removal permits ExpertRemoval, BlockRemoval, WidthRemoval {
  /** Returns how many parts there are: in the model, or in each of its layers that has them. */
  int size();

  /**
   * Returns how many of them a share is.
   *
   * @param multiple of which as many as possible stay, or 0 for what the kind has
   */
  int share(double ratio, int multiple);

  void requireRemovable(int count);

  /** Returns the number that goes at a time: a multiple of it can go, unless it is too much. */
  default int step() {
    return 1;
  }

  /**
   * Returns the model without some parts.
   *
   * @param removed the numbers of those that go, by block; of a block that goes itself, none
   * @throws io.github.wandacuda.error.InputException if these can't go together
   */
  StructurePlan without(Map<Integer, List<Integer>> removed);
}
