package io.github.wandacuda.bench.cases;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.prune.RowTiles;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.LongAdder;

/**
 * Selects a matrix in place, as a pruning job and {@code Pruner} do: each thread takes tile after
 * tile, of the backend's size. What was selected once is put back before it is selected again.
 */
public final class SelectCase implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Workers workers;
  private final Rotation sources;
  private final Rotation matrices;
  private final float[] norms;
  private final SelectionRule.Lowest rule;
  private final RowTiles tiles;
  private int turn;
  private int selected;

  /**
   * What to select from, and how much.
   *
   * @param shape output features x input features
   * @param amount {@code 50%}, {@code 2:4} and the like
   */
  public record Setup(String shape, DType dtype, String amount, DataKind data, int threads) {}

  /** Makes the data. */
  public SelectCase(Setup setup) {
    int[] sizes = Matrices.sizes(setup.shape());
    backend = Backends.open("cpu", 0, setup.threads()).backend();
    workers = new Workers(setup.threads());
    norms = setup.data().norms(sizes[1]);
    WeightMatrix source =
        Matrices.weights(arena, setup.dtype(), sizes[0], sizes[1], setup.data(), norms);
    sources = Rotation.of(arena, source);
    matrices = sources.zeros(arena);
    matrices.copyFrom(sources);
    rule = Amount.rule(setup.amount(), sizes[1]);
    tiles = RowTiles.of(source, backend.tileBytes(), workers.count());
  }

  /** Makes a run ready: once all matrices were selected, all are put back. */
  public void prepare() {
    if (selected == matrices.count()) {
      matrices.copyFrom(sources);
      selected = 0;
    }
  }

  /** Selects the next matrix, which has to be ready, and returns how many weights went. */
  public long run() {
    turn++;
    selected++;
    WeightMatrix matrix = result();
    LongAdder pruned = new LongAdder();
    try (SelectionPlan plan =
        backend.selector().prepare(matrix.dtype(), matrix.columns(), norms, rule)) {
      workers.run(tiles.count(), (worker, tile) -> pruned.add(select(plan, matrix, tile)));
    }
    return pruned.sum();
  }

  /** Selects some times, and returns the seconds that it took. */
  public double seconds(int repetitions) {
    long spent = 0;
    for (int i = 0; i < repetitions; i++) {
      prepare();
      long start = System.nanoTime();
      run();
      spent += System.nanoTime() - start;
    }
    return spent / 1e9;
  }

  private long select(SelectionPlan plan, WeightMatrix matrix, int tile) {
    WeightMatrix rows = matrix.rows(tiles.firstRow(tile), tiles.rowsOf(tile));
    return plan.select(rows, rows, null).pruned();
  }

  /**
   * Selects once and compares with a plain sort.
   *
   * @throws IllegalStateException if the result is wrong
   */
  public void check() {
    prepare();
    long pruned = run();
    WeightMatrix source = source();
    long expected = source.rows() * perRow();
    if (pruned != expected) {
      throw new IllegalStateException("%d pruned, not %d".formatted(pruned, expected));
    }
    SelectCheck check = new SelectCheck(source, norms, rule);
    for (int row : new int[] {0, source.rows() / 2, source.rows() - 1}) {
      check.row(row, result());
    }
  }

  /** Returns the number of weights. */
  public long weights() {
    return source().elements();
  }

  /** Returns the bytes that a selection reads. */
  public long bytes() {
    return weights() * source().dtype().bytes();
  }

  /** Returns what the latest run selected from, as it was before. */
  public WeightMatrix source() {
    return sources.at(turn);
  }

  /** Returns what matrices are as long as they were not selected, as many as there are. */
  public Rotation sources() {
    return sources;
  }

  /** Returns what the latest run made. */
  public WeightMatrix result() {
    return matrices.at(turn);
  }

  public float[] norms() {
    return norms.clone();
  }

  /** Returns how many weights of a row go. */
  public long perRow() {
    return rule.count(1, source().columns());
  }

  @Override
  public void close() {
    workers.close();
    backend.close();
    arena.close();
  }
}
