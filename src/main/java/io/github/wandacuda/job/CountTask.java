package io.github.wandacuda.job;

import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;

/**
 * A job that counts the elements that a weight keeps, tile by tile.
 *
 * @param module receives the counts
 */
record CountTask(ModulePlan module, PackBuffers buffers, RowPacking packing) implements Job {
  @Override
  public Object lane() {
    return CountTask.class;
  }

  @Override
  public int tasks() {
    return module.tiles().count();
  }

  @Override
  public void run(int worker, int tile) {
    long rowBytes = module.rowBytes();
    MemorySegment rows = buffers.rows(worker, module.tiles().rowsOf(tile) * rowBytes);
    module.shard().read(module.weight(), module.tiles().firstRow(tile) * rowBytes, rows);
    module.counted(tile, packing.count(rows, module.elementBytes()));
  }
}
