package io.github.wandacuda.job;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.checkpoint.PackedNames;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;

/** A job that packs a weight into the output's shard, tile by tile. */
final class PackTask implements Job {
  private final ModulePlan module;
  private final ShardWriter writer;
  private final PackBuffers buffers;
  private final RowPacking packing;
  private final TensorInfo values;
  private final TensorInfo bitmask;
  private final TensorInfo rowOffsets;

  /**
   * Prepares a weight.
   *
   * @param layout the packed shard
   * @param writer writes it
   */
  PackTask(
      ModulePlan module,
      SafetensorsFile layout,
      ShardWriter writer,
      PackBuffers buffers,
      RowPacking packing) {
    this.module = module;
    this.writer = writer;
    this.buffers = buffers;
    this.packing = packing;
    PackedNames names = module.names();
    values = layout.tensor(names.compressed()).orElseThrow();
    bitmask = layout.tensor(names.bitmask()).orElseThrow();
    rowOffsets = layout.tensor(names.rowOffsets()).orElseThrow();
    writer.write(layout.tensor(names.shape()).orElseThrow(), 0, sizes(module.weight()));
  }

  private static MemorySegment sizes(TensorInfo weight) {
    MemorySegment sizes = MemorySegment.ofArray(new byte[2 * Long.BYTES]);
    sizes.set(LONG, 0, weight.rows());
    sizes.set(LONG, Long.BYTES, weight.columns());
    return sizes;
  }

  @Override
  public Object lane() {
    return writer;
  }

  @Override
  public int tasks() {
    return module.tiles().count();
  }

  @Override
  public void run(int worker, int tile) {
    int first = module.tiles().firstRow(tile);
    int count = module.tiles().rowsOf(tile);
    long rowBytes = module.rowBytes();
    int elementBytes = module.elementBytes();
    long maskRowBytes = module.maskRowBytes();
    MemorySegment rows = buffers.rows().of(worker, count * rowBytes);
    MemorySegment kept = buffers.values().of(worker, count * rowBytes + RowPacking.SLACK);
    MemorySegment masks = buffers.masks().of(worker, count * maskRowBytes);
    MemorySegment offsets = buffers.offsets().of(worker, (long) count * Long.BYTES);
    module.shard().read(module.weight(), first * rowBytes, rows);
    long before = module.keptBefore(tile);
    long written = 0;
    for (int row = 0; row < count; row++) {
      offsets.set(LONG, (long) row * Long.BYTES, before + written);
      written +=
          packing.pack(
              rows,
              row * rowBytes,
              module.weight().columns(),
              elementBytes,
              masks,
              row * maskRowBytes,
              kept,
              written * elementBytes);
    }
    requireSame(tile, written);
    writer.write(rowOffsets, (long) first * Long.BYTES, offsets);
    writer.write(bitmask, first * maskRowBytes, masks);
    writer.write(values, before * elementBytes, kept.asSlice(0, written * elementBytes));
  }

  private void requireSame(int tile, long found) {
    if (found != module.kept(tile)) {
      throw Malformed.tensor(
          module.shard().path(),
          module.weight().name(),
          "%d values other than zero in a tile, as when they were counted"
              .formatted(module.kept(tile)),
          "%d: it is being changed".formatted(found));
    }
  }
}
