package io.github.wandacuda.job.output;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The tiles of a module that is pruned in its own file. Before a tile is written over its weights,
 * each element is checked to be +0.0 or the weight that was read, since afterwards there is nothing
 * to compare with.
 */
public final class CheckedTiles implements TileSource {
  private final LinearModule module;
  private final ModuleTiles tiles;
  private final TileBuffers copies;
  private final boolean wide;

  /**
   * Wraps a module's tiles.
   *
   * @param copies buffers for the weights that were read; they are enlarged here, so no worker may
   *     use them meanwhile
   */
  public CheckedTiles(LinearModule module, ModuleTiles tiles, TileBuffers copies) {
    this.module = module;
    this.tiles = tiles;
    this.copies = copies;
    wide = module.tensor().type().orElseThrow() == DType.F32;
    copies.reserve(tiles.largestBytes());
  }

  @Override
  public RowTiles tiles() {
    return tiles.tiles();
  }

  @Override
  public int columns() {
    return tiles.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    WeightMatrix weights = tiles.read(worker, tile);
    MemorySegment bytes = tiles.bytes(worker, tile);
    copies.of(worker, bytes.byteSize()).copyFrom(bytes);
    return weights;
  }

  @Override
  public void write(int worker, int tile) {
    MemorySegment after = tiles.bytes(worker, tile);
    MemorySegment before = copies.of(worker, after.byteSize());
    if (wide ? !isZeroedInts(before, after) : !isZeroedShorts(before, after)) {
      throw new VerificationException(
          ErrorDetails.file(module.shard().path())
              .tensor(module.tensor().name())
              .said(
                  "a weight was to be changed to something else than 0;"
                      + " nothing of its tile was written"));
    }
    tiles.write(worker, tile);
  }

  private static boolean isZeroedInts(MemorySegment before, MemorySegment after) {
    int wrong = 0;
    long count = after.byteSize() / Integer.BYTES;
    for (long i = 0; i < count; i++) {
      int now = after.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
      wrong |= now == 0 ? 0 : now ^ before.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
    }
    return wrong == 0;
  }

  private static boolean isZeroedShorts(MemorySegment before, MemorySegment after) {
    int wrong = 0;
    long count = after.byteSize() / Short.BYTES;
    for (long i = 0; i < count; i++) {
      short now = after.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i);
      wrong |= now == 0 ? 0 : now ^ before.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i);
    }
    return wrong == 0;
  }
}
