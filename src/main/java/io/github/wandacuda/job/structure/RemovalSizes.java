package io.github.wandacuda.job.structure;

import io.github.wandacuda.checkpoint.Checkpoint;
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
 * @param bytes of the shards
 */
public record RemovalSizes(SortedMap<Structure, Change> kinds, Change parameters, Change bytes) {
  /** A number that shrinks. */
  public record Change(long before, long after) {
    public double percent() {
      return 100.0 * after / before;
    }
  }

  static RemovalSizes of(
      ModelDirectory model, RemovedParts removed, ModelDirectory left, Checkpoint smaller) {
    SortedMap<Structure, Change> kinds = new TreeMap<>();
    for (Structure kind : removed.kinds().keySet()) {
      int size = kind.find(model).size();
      kinds.put(kind, new Change(size, size - removed.count(kind)));
    }
    return new RemovalSizes(
        kinds,
        new Change(model.parameters(), left.parameters()),
        new Change(model.checkpoint().totalBytes(), smaller.totalBytes()));
  }
}
