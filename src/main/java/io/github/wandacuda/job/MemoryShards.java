package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;

/** No shards: what modules become stays in the memory that their requests bring. */
final class MemoryShards implements ShardTarget {
  @Override
  public ShardWriter of(LinearModule module) {
    return null;
  }

  @Override
  public TileSource through(LinearModule module, ModuleTiles tiles) {
    return new Unwritten(tiles);
  }

  @Override
  public void done(ModuleResult result) {}

  @Override
  public void lend(ModuleResult result, MemorySegment weight) {}

  /** Tiles that are left where they are. */
  private record Unwritten(ModuleTiles all) implements TileSource {
    @Override
    public RowTiles tiles() {
      return all.tiles();
    }

    @Override
    public int columns() {
      return all.columns();
    }

    @Override
    public WeightMatrix read(int worker, int tile) {
      return all.read(worker, tile);
    }

    @Override
    public void write(int worker, int tile) {}
  }
}
