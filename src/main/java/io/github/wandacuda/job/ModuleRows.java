package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileMemory;
import java.lang.foreign.MemorySegment;

/**
 * How the rows of a module's stored weight are cut into tiles.
 *
 * @param rowBytes bytes of a row of columns
 */
record ModuleRows(LinearModule module, DType dtype, long rowBytes, RowTiles tiles) {
  static ModuleRows of(LinearModule module, TileMemory memory) {
    DType dtype = module.tensor().type().orElseThrow();
    long rowBytes = (long) module.columns() * dtype.bytes();
    RowTiles tiles =
        RowTiles.of(
            module.rows(), rowBytes, !module.transposed(), memory.tileBytes(), memory.workers());
    return new ModuleRows(module, dtype, rowBytes, tiles);
  }

  /** Returns where a tile begins in the weight. */
  long from(int tile) {
    return tiles.firstRow(tile) * rowBytes;
  }

  /** Returns the bytes of a tile. */
  long bytes(int tile) {
    return tiles.rowsOf(tile) * rowBytes;
  }

  /** Returns a tile as the matrix that is pruned. */
  WeightMatrix view(MemorySegment bytes, int tile) {
    return module.transposed()
        ? module.view(bytes)
        : WeightMatrix.of(bytes, dtype, tiles.rowsOf(tile), module.columns());
  }
}
