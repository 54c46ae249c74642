package io.github.wandacuda.job;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLongArray;

/** A weight that may be packed: how it is cut into tiles, and how many elements each keeps. */
record ModulePlan(
    SafetensorsFile shard, TensorInfo weight, RowTiles tiles, AtomicLongArray counts) {
  /**
   * A packed weight has to save this part of its bytes. By size alone it would pay from 6.3 % zeros
   * on with elements of 16 bits; so it pays from 9.4 % on, and from 6.3 % with those of 32.
   */
  private static final int LEAST_SAVED = 32;

  /** Plans a weight with elements of 2 or 4 bytes, and at least one, that aren't counted yet. */
  static ModulePlan of(SafetensorsFile shard, TensorInfo weight, TileBuffers memory) {
    RowTiles tiles =
        RowTiles.of(weight.rows(), rowBytes(weight), true, memory.tileBytes(), memory.workers());
    return new ModulePlan(shard, weight, tiles, new AtomicLongArray(tiles.count()));
  }

  PackedFormat.Names names() {
    return PackedFormat.Names.of(weight.name());
  }

  int elementBytes() {
    return weight.type().orElseThrow().bytes();
  }

  long rowBytes() {
    return rowBytes(weight);
  }

  private static long rowBytes(TensorInfo weight) {
    return (long) weight.columns() * weight.type().orElseThrow().bytes();
  }

  long maskRowBytes() {
    return RowPacking.maskBytes(weight.columns());
  }

  long maskBytes() {
    return weight.rows() * maskRowBytes();
  }

  void counted(int tile, long kept) {
    counts.set(tile, kept);
  }

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

  long kept() {
    return keptBefore(tiles.count());
  }

  /** Returns whether packing saves enough. */
  boolean pays() {
    return weight.bytes() - PackedFormat.bytes(weight, kept())
        >= Math.ceilDiv(weight.bytes(), LEAST_SAVED);
  }

  /** Each worker's memory for a tile of rows, and for what it is packed to. */
  record PackBuffers(TileBuffers rows, TileBuffers values, TileBuffers masks, TileBuffers offsets)
      implements AutoCloseable {
    static PackBuffers of(int workers) {
      TileBuffers rows = TileBuffers.inCache(workers);
      rows.reserve(rows.tileBytes());
      return new PackBuffers(
          rows,
          TileBuffers.inCache(workers),
          TileBuffers.inCache(workers),
          TileBuffers.inCache(workers));
    }

    /** Enlarges the buffers for a module's tiles; no worker may use them meanwhile. */
    void reserve(ModulePlan module) {
      long count = module.tiles().tileRows();
      rows.reserve(count * module.rowBytes());
      values.reserve(count * module.rowBytes() + RowPacking.SLACK);
      masks.reserve(count * module.maskRowBytes());
      offsets.reserve(count * Long.BYTES);
    }

    @Override
    public void close() {
      rows.close();
      values.close();
      masks.close();
      offsets.close();
    }
  }

  /** A job that packs a weight into the output's shard, tile by tile. */
  static final class PackTask implements Job {
    private final ModulePlan module;
    private final ShardWriter writer;
    private final ModulePlan.PackBuffers buffers;
    private final RowPacking packing;
    private final TensorInfo values;
    private final TensorInfo bitmask;
    private final TensorInfo rowOffsets;

    PackTask(
        ModulePlan module,
        SafetensorsFile layout,
        ShardWriter writer,
        ModulePlan.PackBuffers buffers,
        RowPacking packing) {
      this.module = module;
      this.writer = writer;
      this.buffers = buffers;
      this.packing = packing;
      PackedFormat.Names names = module.names();
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
    public Object resource() {
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
                rows.asSlice(row * rowBytes, rowBytes),
                elementBytes,
                masks.asSlice(row * maskRowBytes),
                kept.asSlice(written * elementBytes));
      }
      requireSame(tile, written);
      writer.write(rowOffsets, (long) first * Long.BYTES, offsets);
      writer.write(bitmask, first * maskRowBytes, masks);
      writer.write(values, before * elementBytes, kept.asSlice(0, written * elementBytes));
    }

    private void requireSame(int tile, long found) {
      if (found != module.kept(tile)) {
        throw ErrorDetails.tensor(module.shard().path(), module.weight().name())
            .wrong(
                "%d values other than zero in a tile, as when they were counted"
                    .formatted(module.kept(tile)),
                "%d: it is being changed".formatted(found));
      }
    }
  }
}
