package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedNames;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.scalar.RowPacking;
import java.util.concurrent.atomic.AtomicLongArray;

/** A weight that may be packed: how it is cut into tiles, and how many elements each keeps. */
final class ModulePlan {
  /**
   * A packed weight has to save this part of its bytes. By size alone it would pay from 6.3 % zeros
   * on with elements of 16 bits; so it pays from 9.4 % on, and from 6.3 % with those of 32.
   */
  private static final int LEAST_SAVED = 32;

  private final SafetensorsFile shard;
  private final TensorInfo weight;
  private final RowTiles tiles;
  private final AtomicLongArray counts;

  /**
   * Plans a weight whose elements aren't counted yet.
   *
   * @param weight a matrix with elements of 2 or 4 bytes, and at least one
   */
  ModulePlan(SafetensorsFile shard, TensorInfo weight, long tileBytes, int workers) {
    this.shard = shard;
    this.weight = weight;
    tiles = RowTiles.of(weight.rows(), rowBytes(), true, tileBytes, workers);
    counts = new AtomicLongArray(tiles.count());
  }

  SafetensorsFile shard() {
    return shard;
  }

  TensorInfo weight() {
    return weight;
  }

  PackedNames names() {
    return PackedNames.of(weight.name());
  }

  RowTiles tiles() {
    return tiles;
  }

  int elementBytes() {
    return weight.type().orElseThrow().bytes();
  }

  long rowBytes() {
    return (long) weight.columns() * elementBytes();
  }

  long maskRowBytes() {
    return RowPacking.maskBytes(weight.columns());
  }

  long maskBytes() {
    return weight.rows() * maskRowBytes();
  }

  /** Notes how many elements a tile keeps. */
  void counted(int tile, long kept) {
    counts.set(tile, kept);
  }

  /** Returns how many elements a tile keeps. */
  long kept(int tile) {
    return counts.get(tile);
  }

  /** Returns how many elements the tiles before one keep. */
  long keptBefore(int tile) {
    long kept = 0;
    for (int before = 0; before < tile; before++) {
      kept += counts.get(before);
    }
    return kept;
  }

  /** Returns how many elements are kept. */
  long kept() {
    return keptBefore(tiles.count());
  }

  /** Returns whether packing saves enough. */
  boolean pays() {
    return weight.bytes() - PackedFormat.bytes(weight, kept())
        >= Math.ceilDiv(weight.bytes(), LEAST_SAVED);
  }
}
