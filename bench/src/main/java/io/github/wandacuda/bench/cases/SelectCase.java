package io.github.wandacuda.bench.cases;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.pruning.TileAccess;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * Selects a matrix from one buffer into another as a pruning job does: each thread takes tile after
 * tile, of the backend's size.
 */
public final class SelectCase implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Backend backend;
  private final Workers workers;
  private final WeightMatrix source;
  private final WeightMatrix destination;
  private final float[] norms;
  private final SelectionRule rule;
  private final List<TileAccess.Tile> tiles;

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
    source = Matrices.weights(arena, setup.dtype(), sizes[0], sizes[1], setup.data(), norms);
    destination = Matrices.zeros(arena, setup.dtype(), sizes[0], sizes[1]);
    rule = Amount.rule(setup.amount(), sizes[1]);
    tiles = TileAccess.of(source, backend.tileBytes(), workers.count());
  }

  /** Selects the whole matrix and returns how many weights went. */
  public long run() {
    LongAdder pruned = new LongAdder();
    workers.run(tiles.size(), (worker, tile) -> pruned.add(select(tiles.get(tile))));
    return pruned.sum();
  }

  private long select(TileAccess.Tile tile) {
    return backend
        .selector()
        .select(
            source.rows(tile.first(), tile.rows()),
            norms,
            rule,
            destination.rows(tile.first(), tile.rows()),
            null)
        .pruned();
  }

  /**
   * Selects once and compares with a plain sort.
   *
   * @throws IllegalStateException if the result is wrong
   */
  public void check() {
    long expected = (long) source.rows() * Amount.perRow(rule, source.columns());
    long pruned = run();
    if (pruned != expected) {
      throw new IllegalStateException("%d pruned, not %d".formatted(pruned, expected));
    }
    SelectCheck check = new SelectCheck(source, norms, rule);
    for (int row : new int[] {0, source.rows() / 2, source.rows() - 1}) {
      check.row(row, destination);
    }
  }

  /** Returns the number of weights. */
  public long weights() {
    return source.elements();
  }

  /** Returns the bytes that a selection reads. */
  public long bytes() {
    return source.elements() * source.dtype().bytes();
  }

  public WeightMatrix source() {
    return source;
  }

  /** Returns where results go, which are those of the latest run. */
  public WeightMatrix destination() {
    return destination;
  }

  public float[] norms() {
    return norms.clone();
  }

  /** Returns how many elements of a matrix are zero. */
  public long countZeros(WeightMatrix matrix) {
    return backend.selector().countZeros(matrix);
  }

  /** Returns how many weights of a row go. */
  public int perRow() {
    return Amount.perRow(rule, source.columns());
  }

  @Override
  public void close() {
    workers.close();
    backend.close();
    arena.close();
  }
}
