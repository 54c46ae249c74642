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
  private final Rotation sources;
  private final Rotation destinations;
  private final float[] norms;
  private final SelectionRule rule;
  private final List<TileAccess.Tile> tiles;
  private int turn;

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
    destinations = sources.zeros(arena);
    rule = Amount.rule(setup.amount(), sizes[1]);
    tiles = TileAccess.of(source, backend.tileBytes(), workers.count());
  }

  /** Selects the whole matrix and returns how many weights went. */
  public long run() {
    turn++;
    WeightMatrix source = source();
    WeightMatrix destination = destination();
    LongAdder pruned = new LongAdder();
    workers.run(
        tiles.size(), (worker, tile) -> pruned.add(select(source, destination, tiles.get(tile))));
    return pruned.sum();
  }

  private long select(WeightMatrix source, WeightMatrix destination, TileAccess.Tile tile) {
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
    long pruned = run();
    WeightMatrix source = source();
    long expected = (long) source.rows() * perRow();
    if (pruned != expected) {
      throw new IllegalStateException("%d pruned, not %d".formatted(pruned, expected));
    }
    SelectCheck check = new SelectCheck(source, norms, rule);
    for (int row : new int[] {0, source.rows() / 2, source.rows() - 1}) {
      check.row(row, destination());
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

  /** Returns what the latest run read. */
  public WeightMatrix source() {
    return sources.at(turn);
  }

  /** Returns all that runs read from in turns, equal to each other. */
  public Rotation sources() {
    return sources;
  }

  /** Returns what the latest run made. */
  public WeightMatrix destination() {
    return destinations.at(turn);
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
    return Amount.perRow(rule, source().columns());
  }

  @Override
  public void close() {
    workers.close();
    backend.close();
    arena.close();
  }
}
