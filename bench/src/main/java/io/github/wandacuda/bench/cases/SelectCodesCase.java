package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/**
 * Selects a matrix of codes in place, as a pruning job does: each thread takes tile after tile,
 * selects what goes, and makes it 0 in the codes. Matrices take turns as those of {@link Rotation}
 * do, as many of them as a rotation of BF16 has.
 */
public final class SelectCodesCase implements AutoCloseable {
  private static final long CACHE_LINE = 64;
  private static final int BLOCK_ROWS = 128;

  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Workers workers;
  private final QuantizedMatrix source;
  private final List<QuantizedMatrix> matrices;
  private final float[] norms;
  private final SelectionRule.Lowest rule;
  private final RowTiles tiles;
  private final MemorySegment mask;
  private final long maskRow;
  private int turn;
  private int selected;

  /**
   * Makes the data.
   *
   * @param setup what is quantized, BF16
   * @param format {@code FP8}, of blocks of 128 x 128, or {@code MXFP4}
   */
  public SelectCodesCase(SelectCase.Setup setup, String format) {
    int[] sizes = Matrices.sizes(setup.shape());
    backend = Backends.open("cpu", 0, setup.threads()).backend();
    workers = new Workers(setup.threads());
    norms = setup.data().norms(sizes[1]);
    WeightMatrix weights =
        Matrices.weights(arena, setup.dtype(), sizes[0], sizes[1], setup.data(), norms);
    source = Quantizing.of(weights, format, arena);
    matrices = Stream.generate(this::copy).limit(Rotation.count(weights)).toList();
    rule = Amount.rule(setup.amount(), sizes[1]);
    tiles = new RowTiles(sizes[0], Math.min(sizes[0], BLOCK_ROWS));
    maskRow = Selector.maskRowBytes(sizes[1]);
    mask = arena.allocate(sizes[0] * maskRow, CACHE_LINE);
  }

  private QuantizedMatrix copy() {
    Codes codes = source.codes();
    MemorySegment data = arena.allocate(codes.data().byteSize(), CACHE_LINE);
    data.copyFrom(codes.data());
    Codes copied =
        Codes.of(
            data, codes.format(), codes.bits(), codes.rows(), codes.columns(), codes.rowBytes());
    return new QuantizedMatrix(copied, source.scales());
  }

  private void select(SelectionPlan plan, QuantizedMatrix matrix, int tile, LongAdder pruned) {
    QuantizedMatrix rows = matrix.rows(tiles.firstRow(tile), tiles.rowsOf(tile));
    long from = tiles.firstRow(tile) * maskRow;
    MemorySegment kept = mask.asSlice(from, rows.rows() * maskRow);
    pruned.add(plan.select(rows, kept).pruned());
  }

  /** Makes a run ready: once all matrices were selected, all are put back. */
  public void prepare() {
    if (selected == matrices.size()) {
      matrices.forEach(matrix -> matrix.data().copyFrom(source.data()));
      selected = 0;
    }
  }

  /** Selects the next matrix, which has to be ready, and returns how many weights went. */
  public long run() {
    turn++;
    selected++;
    LongAdder pruned = new LongAdder();
    QuantizedMatrix matrix = result();
    try (SelectionPlan plan =
        backend.selector().prepare(DType.F32, source.columns(), norms, rule)) {
      workers.run(tiles.count(), (worker, tile) -> select(plan, matrix, tile, pruned));
    }
    return pruned.sum();
  }

  private QuantizedMatrix result() {
    return matrices.get(turn % matrices.size());
  }

  /** Selects some times, and returns the seconds that it took. */
  public double seconds(int repetitions) {
    return Rotation.seconds(repetitions, this::prepare, this::run);
  }

  /**
   * Selects once and compares with a plain sort.
   *
   * @throws IllegalStateException if the result is wrong
   */
  public void check() {
    prepare();
    long pruned = run();
    new SelectCheck(source, norms, rule).whole(pruned, result());
  }

  /** Returns the number of weights. */
  public long weights() {
    return (long) source.rows() * source.columns();
  }

  @Override
  public void close() {
    workers.close();
    backend.close();
    arena.close();
  }
}
