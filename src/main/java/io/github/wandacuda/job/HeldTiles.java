package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;

/** The tiles of a weight that is held in memory, where they are pruned and stay. */
final class HeldTiles implements TileSource {
  private final LinearModule module;
  private final HeldWeight weight;
  private final PhaseClock clock;
  private final ModuleRows rows;

  /**
   * Cuts a weight.
   *
   * @param memory says how
   */
  public HeldTiles(LinearModule module, HeldWeight weight, TileMemory memory, PhaseClock clock) {
    this.module = module;
    this.weight = weight;
    this.clock = clock;
    rows = ModuleRows.of(module, memory);
  }

  @Override
  public RowTiles tiles() {
    return rows.tiles();
  }

  @Override
  public int columns() {
    return module.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    long from = rows.from(tile);
    MemorySegment bytes = weight.bytes().asSlice(from, rows.bytes(tile));
    if (!weight.filled()) {
      long start = System.nanoTime();
      module.shard().read(module.tensor(), from, bytes);
      clock.addReadWrite(System.nanoTime() - start);
    }
    return rows.view(bytes, tile);
  }

  @Override
  public void write(int worker, int tile) {}
}
