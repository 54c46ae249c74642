package io.github.wandacuda.job;

import io.github.wandacuda.adapter.LoraModule;
import io.github.wandacuda.adapter.LoraUpdate;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/** A job that updates a module from the source's shard into the output's, rows by rows. */
final class MergeTask implements Job {
  private final LoraModule pair;
  private final TensorInfo tensor;
  private final ShardWriter writer;
  private final TileBuffers buffers;
  private final Consumer<LinearModule> done;
  private final RowTiles tiles;
  private final long rowBytes;
  private final AtomicInteger left;
  private final LongAdder zeros = new LongAdder();
  private final LongAdder changed = new LongAdder();
  private final LongAdder newZeros = new LongAdder();
  private LoraUpdate update;

  /**
   * Prepares a module.
   *
   * @param writer the output's shard
   * @param buffers the workers' buffers, which are enlarged here
   * @param done called once, when the last rows are written
   */
  MergeTask(LoraModule pair, ShardWriter writer, TileBuffers buffers, Consumer<LinearModule> done) {
    this.pair = pair;
    this.writer = writer;
    this.buffers = buffers;
    this.done = done;
    tensor = pair.module().tensor();
    rowBytes = (long) tensor.columns() * tensor.type().orElseThrow().bytes();
    tiles =
        RowTiles.of(
            tensor.rows(),
            rowBytes,
            true,
            buffers.memory().tileBytes(),
            buffers.memory().workers());
    buffers.reserve(tiles.tileRows() * rowBytes);
    left = new AtomicInteger(tasks());
  }

  /** One thread writes to a shard at a time, because the system locks a file during a write. */
  @Override
  public Object lane() {
    return writer;
  }

  @Override
  public int tasks() {
    return tensor.bytes() == 0 ? 0 : tiles.count();
  }

  @Override
  public void run(int worker, int tile) {
    int first = tiles.firstRow(tile);
    MemorySegment rows = buffers.of(worker, tiles.rowsOf(tile) * rowBytes);
    pair.module().shard().read(tensor, first * rowBytes, rows);
    LoraUpdate.Counts counts = update().apply(rows, first);
    writer.write(tensor, first * rowBytes, rows);
    zeros.add(counts.zeros());
    changed.add(counts.changed());
    newZeros.add(counts.newZeros());
    if (left.decrementAndGet() == 0) {
      release();
      done.accept(pair.module());
    }
  }

  /** Returns the update, whose tensors are read when the first rows are. */
  private synchronized LoraUpdate update() {
    if (update == null) {
      update = new LoraUpdate(pair);
    }
    return update;
  }

  private synchronized void release() {
    update = null;
  }

  /** Returns what was done, once all rows are. */
  LoraUpdate.Counts counts() {
    return new LoraUpdate.Counts(zeros.sum(), changed.sum(), newZeros.sum());
  }

  long elements() {
    return pair.module().elements();
  }
}
