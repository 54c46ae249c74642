package io.github.wandacuda.job.structure;

import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * How large a model is before and after parts of it go.
 *
 * @param kinds the number of blocks, or of experts, channels or heads a layer, for each kind of
 *     which some go
 * @param parameters of the model
 * @param bytes of its weights, as they are stored
 */
public record RemovalSizes(SortedMap<Structure, Change> kinds, Change parameters, Change bytes) {
  /** A number that shrinks. */
  public record Change(long before, long after) {
    public double percent() {
      return 100.0 * after / before;
    }
  }

  /**
   * Measures a model and what is left of it.
   *
   * @param removed what goes
   * @param left the model without it
   * @param bytes of its weights, as they will be stored
   */
  static RemovalSizes of(
      ModelDirectory model, RemovedParts removed, ModelDirectory left, long bytes) {
    SortedMap<Structure, Change> kinds = new TreeMap<>();
    for (Structure kind : removed.kinds().keySet()) {
      int size = kind.find(model).size();
      kinds.put(kind, new Change(size, size - removed.count(kind)));
    }
    return new RemovalSizes(
        kinds,
        new Change(model.parameters(), left.parameters()),
        new Change(model.storedBytes(), bytes));
  }
}
