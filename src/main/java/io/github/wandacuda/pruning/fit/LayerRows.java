package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.Sparsity.GroupPattern;
import io.github.wandacuda.Sparsity.Ratio;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.pruning.mask.MagnitudeThreshold;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/**
 * A layer's rows where the backend works on them, a tile of some rows at a time. On a device that
 * has room for all of them they are copied there once and back once, whatever is done in between;
 * elsewhere a tile is brought each time that it is worked on.
 */
public final class LayerRows implements AutoCloseable {
  final SquareGram gram;
  final WeightMatrix weights;
  final MemorySegment mask;
  final WeightMatrix result;
  final int tileRows;

  /**
   * Weights, mask and result of the whole layer on the device; empty if the rows come tile by tile.
   */
  final List<Tensor> whole;

  private final RowTile tile;

  /**
   * Prepares a layer.
   *
   * @param gram must stay open until this is closed
   * @param weights [rows, columns]
   * @param mask packed, or null for work that doesn't need it; tiles read and write it
   * @param result [rows, columns] of F32 in dense rows, or null; as the mask
   */
  public LayerRows(SquareGram gram, WeightMatrix weights, MemorySegment mask, WeightMatrix result) {
    this.gram = gram;
    this.weights = weights;
    this.mask = mask;
    this.result = result;
    tileRows = Math.clamp(weights.rows(), 1, gram.tileRows());
    whole = whole();
    tile = OnFailure.close(() -> whole.forEach(Tensor::close), () -> new RowTile(this));
    OnFailure.run(this::close, () -> moveWhole(RowTile::loadWeights));
  }

  private List<Tensor> whole() {
    if (gram.device().isPresent()) {
      try {
        return gram.tensors(weights.rows(), 3);
      } catch (BackendUnavailableException e) {
        // There isn't room, so the rows come and go tile by tile.
        return List.of();
      }
    }
    return List.of();
  }

  /** Returns whether all rows stay on the device. */
  boolean onDevice() {
    return !whole.isEmpty();
  }

  /**
   * Works on all rows, a tile at a time.
   *
   * @param work is given the same object for each tile, turned to other rows
   */
  public void forTiles(Consumer<RowTile> work) {
    for (int from = 0; from < weights.rows(); from += tileRows) {
      tile.turnTo(from, Math.min(tileRows, weights.rows() - from));
      work.accept(tile);
    }
  }

  /**
   * Copies all rows to the device or back. Does nothing if rows come tile by tile, since each tile
   * is copied by itself then.
   *
   * @param move what is copied of a tile, such as {@link RowTile#loadMask}
   */
  public void moveWhole(Consumer<RowTile> move) {
    if (onDevice()) {
      forTiles(move);
    }
  }

  /**
   * Chooses the mask of the result's largest magnitudes.
   *
   * @param elsewhere writes that mask to host memory; called if the rows aren't on the device
   */
  public void keepLargest(Sparsity sparsity, Runnable elsewhere) {
    if (!onDevice()) {
      elsewhere.run();
      return;
    }
    LayerFitting device = gram.device().orElseThrow();
    Tensor kept = whole.get(1);
    Tensor x = whole.get(2);
    switch (sparsity) {
      case Ratio ratio -> {
        long index = ratio.of(weights.elements());
        device.keepAbove(x, MagnitudeThreshold.at(index, device, x), kept);
      }
      case GroupPattern pattern -> device.keepHighest(x, pattern.pruned(), pattern.size(), kept);
    }
  }

  /** Prunes by SparseGPT. Mask and result are in host memory afterwards, too. */
  public void prune(SparseGpt sparseGpt, Sparsity sparsity) {
    if (!onDevice()) {
      result.data().copyFrom(weights.data());
      sparseGpt.prune(result, sparsity, mask);
      return;
    }
    LayerFitting device = gram.device().orElseThrow();
    sparseGpt.prune(device, weights, sparsity, whole.get(0), whole.get(1), whole.get(2));
    store();
  }

  /** Writes mask and result to host memory, where they aren't there already. */
  public void store() {
    moveWhole(RowTile::storeMask);
    moveWhole(RowTile::storeResult);
  }

  @Override
  public void close() {
    tile.close();
    whole.forEach(Tensor::close);
  }
}
