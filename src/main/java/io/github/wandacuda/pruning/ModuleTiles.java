package io.github.wandacuda.pruning;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The tiles of a module's weight: read from its file and written to a shard, or held in memory,
 * where they are pruned and stay. A quantized weight's tiles are its codes, or are widened to
 * float32 and what is pruned of them is made 0 in the codes.
 */
public class ModuleTiles implements TileSource {
  private static final long ALIGNMENT = 64;

  /**
   * Rows of a block of scales. A tile has at least as many: selection prepares for whole blocks,
   * and two workers with a part each would do that twice.
   */
  private static final long BLOCK_ROWS = 128;

  private static final long MOST_BLOCK_BYTES = 8 << 20;

  private final LinearModule module;
  private final SafetensorsFile file;
  private final ShardWriter writer;
  private final ModuleRequest.HeldWeight held;
  private final TileBuffers buffers;
  private final PhaseClock clock;
  private final DType dtype;

  /** Bytes of a row in the file. */
  private final long rowBytes;

  /** Bytes of a row once it is widened to float32; 0 for a row that isn't. */
  private final long widenedBytes;

  private final RowTiles tiles;

  /**
   * Prepares a module's tiles.
   *
   * @param file the file to read, the module's own or one with the same layout
   * @param writer writes tiles, or null if they are only read
   * @param buffers the workers'; they are enlarged here, so no worker may use them meanwhile
   * @param clock takes the time of reading and writing
   */
  public ModuleTiles(
      LinearModule module,
      SafetensorsFile file,
      ShardWriter writer,
      TileBuffers buffers,
      PhaseClock clock) {
    this(module, file, writer, null, cut(module, buffers), buffers, clock);
  }

  /**
   * Prepares tiles that are only read, from the module's own file.
   *
   * @param tiles how it is cut, perhaps as another module is
   * @param buffers the workers'; they are enlarged here, so no worker may use them meanwhile
   */
  public ModuleTiles(LinearModule module, RowTiles tiles, TileBuffers buffers) {
    this(module, module.shard(), null, null, tiles, buffers, new PhaseClock(buffers.workers()));
  }

  private ModuleTiles(
      LinearModule module,
      SafetensorsFile file,
      ShardWriter writer,
      ModuleRequest.HeldWeight held,
      RowTiles tiles,
      TileBuffers buffers,
      PhaseClock clock) {
    this.module = module;
    this.file = file;
    this.writer = writer;
    this.held = held;
    this.buffers = buffers;
    this.clock = clock;
    this.tiles = tiles;
    dtype = module.tensor().type().orElse(DType.F32);
    rowBytes = rowBytes(module);
    widenedBytes = widenedBytes(module);
    if (held == null || !module.isPlain()) {
      buffers.reserve(placeOfWidened(tiles.tileRows()) + tiles.tileRows() * widenedBytes);
    }
  }

  /** Cuts a module as suits some buffers. */
  public static RowTiles cut(LinearModule module, TileBuffers buffers) {
    long row = rowBytes(module) + widenedBytes(module);
    long block = module.isPlain() ? 0 : Math.min(BLOCK_ROWS * row, MOST_BLOCK_BYTES);
    return RowTiles.of(
        module.rows(),
        row,
        !module.transposed(),
        Math.max(buffers.tileBytes(), block),
        buffers.workers());
  }

  private static long rowBytes(LinearModule module) {
    return Math.ceilDiv(module.tensor().bytes(), Math.max(1, module.rows()));
  }

  private static long widenedBytes(LinearModule module) {
    return module.isPlain() ? 0 : (long) module.columns() * Float.BYTES;
  }

  /** Prepares the tiles of a weight that is held in memory, cut as {@code buffers} say. */
  static ModuleTiles of(
      LinearModule module, ModuleRequest.HeldWeight held, TileBuffers buffers, PhaseClock clock) {
    RowTiles tiles = cut(module, buffers);
    return new ModuleTiles(module, module.shard(), null, held, tiles, buffers, clock);
  }

  @Override
  public RowTiles tiles() {
    return tiles;
  }

  @Override
  public int columns() {
    return module.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    RowReader stored = stored(worker, tile);
    return stored instanceof QuantizedMatrix codes ? widened(codes, worker) : (WeightMatrix) stored;
  }

  @Override
  public RowReader stored(int worker, int tile) {
    MemorySegment bytes = bytes(worker, tile);
    if (held == null || !held.filled()) {
      long start = System.nanoTime();
      file.read(module.tensor(), from(tile), bytes);
      clock.addReadWrite(System.nanoTime() - start);
    }
    if (module.quantized() != null) {
      return codes(bytes, tile);
    }
    return module.transposed()
        ? module.view(bytes)
        : WeightMatrix.of(bytes, dtype, tiles.rowsOf(tile), module.columns());
  }

  private WeightMatrix widened(QuantizedMatrix codes, int worker) {
    WeightMatrix values = values(worker, codes.rows());
    widen(codes, values);
    return values;
  }

  /**
   * Copies rows into a matrix of float32.
   *
   * @param to as many rows and columns
   */
  public static void widen(RowReader from, WeightMatrix to) {
    float[] row = new float[from.columns()];
    for (int index = 0; index < from.rows(); index++) {
      from.read(index, 0, row.length, row, 0);
      MemorySegment.copy(row, 0, to.data(), FLOAT, to.byteOffset(index, 0), row.length);
    }
  }

  private WeightMatrix values(int worker, int rows) {
    long place = placeOfWidened(tiles.tileRows());
    MemorySegment memory = buffers.of(worker, place + rows * widenedBytes).asSlice(place);
    return WeightMatrix.of(memory, DType.F32, rows, module.columns());
  }

  /** Returns where widened rows begin in a buffer: behind those that are read. */
  private long placeOfWidened(int rows) {
    return held == null ? Math.ceilDiv(rows * rowBytes, ALIGNMENT) * ALIGNMENT : 0;
  }

  /** Returns a view of the codes of a tile that was read. */
  public final QuantizedMatrix codes(int worker, int tile) {
    return codes(bytes(worker, tile), tile);
  }

  /**
   * Returns a view of the codes of a tile's rows.
   *
   * @param bytes the rows as they are stored
   */
  public final QuantizedMatrix codes(MemorySegment bytes, int tile) {
    return module.transposed()
        ? module.quantized().matrix(bytes)
        : module.quantized().rows(bytes, tiles.firstRow(tile), tiles.rowsOf(tile));
  }

  @Override
  public void write(int worker, int tile, MemorySegment mask, boolean fitted) {
    if (module.quantized() != null && mask != null) {
      prune(worker, tile, mask, fitted);
    }
    checkChanges(worker, tile);
    if (writer != null) {
      long start = System.nanoTime();
      writer.write(module.tensor(), from(tile), bytes(worker, tile));
      clock.addReadWrite(System.nanoTime() - start);
    }
  }

  /** Called before a tile is written, when it is as it will be; may throw to refuse that. */
  protected void checkChanges(int worker, int tile) {}

  /** Makes 0 in the codes what the mask takes out. */
  private void prune(int worker, int tile, MemorySegment mask, boolean fitted) {
    QuantizedMatrix codes = codes(worker, tile);
    if (fitted) {
      requantize(values(worker, codes.rows()), codes);
    }
    long maskRow = Selector.maskRowBytes(columns());
    for (int row = 0; row < codes.rows(); row++) {
      codes.keep(row, mask.asSlice(row * maskRow, maskRow));
    }
  }

  /** Writes the codes of weights that were fitted; those that stay as they are keep theirs. */
  private static void requantize(WeightMatrix values, QuantizedMatrix codes) {
    float[] stored = new float[codes.columns()];
    for (int row = 0; row < codes.rows(); row++) {
      codes.read(row, 0, stored.length, stored, 0);
      for (int column = 0; column < stored.length; column++) {
        float value = values.get(row, column);
        if (value != stored[column]) {
          codes.codes().set(row, column, codes.nearest(row, column, value));
        }
      }
    }
  }

  @Override
  public Optional<Rounding> rounding() {
    return Optional.ofNullable(module.quantized()).map(quantized -> quantized::rounded);
  }

  /** Returns where a tile begins in the weight, in bytes. */
  private long from(int tile) {
    return tiles.firstRow(tile) * rowBytes;
  }

  /** Returns the bytes of the largest tile as it is stored. */
  protected final long largestBytes() {
    return tiles.tileRows() * rowBytes;
  }

  /** Returns the memory of a tile as it is stored, valid from its read to its write. */
  protected final MemorySegment bytes(int worker, int tile) {
    long count = module.transposed() ? module.tensor().bytes() : tiles.rowsOf(tile) * rowBytes;
    return held == null ? buffers.of(worker, count) : held.bytes().asSlice(from(tile), count);
  }
}
