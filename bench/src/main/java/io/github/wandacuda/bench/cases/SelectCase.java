package io.github.wandacuda.bench.cases;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.library.Pruner;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;

/**
 * Selects a matrix in place, as a pruning job does: each thread takes tile after tile, of the
 * backend's size. Or as a program does, by {@link Pruner}, or by a prepared plan on one thread.
 * What was selected once is put back before it is selected again.
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
  private final Way way;
  private int turn;
  private int selected;

  /**
   * What to select from, and how much.
   *
   * @param shape output features x input features
   * @param amount {@code 50%}, {@code 2:4} and the like
   */
  public record Setup(String shape, DType dtype, String amount, DataKind data, int threads) {}

  /** How a matrix is selected. */
  private interface Way extends AutoCloseable {
    /** Selects it and returns how many weights went. */
    long select(WeightMatrix matrix);

    @Override
    default void close() {}
  }

  /** Makes the data, to be selected as a job does. */
  public SelectCase(Setup setup) {
    this(setup, made -> made::selectTiles);
  }

  /** Makes the data, to be selected by calls of the library. */
  public static SelectCase byPruner(Setup setup) {
    return new SelectCase(setup, made -> new Calls(made, setup));
  }

  /** Makes the data, to be selected by a plan that is prepared, whole and on one thread. */
  public static SelectCase byPlan(Setup setup) {
    return new SelectCase(setup, SelectCase::preparedPlan);
  }

  private SelectCase(Setup setup, Function<SelectCase, Way> ways) {
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
    way = ways.apply(this);
  }

  /** Calls of the library. */
  private static final class Calls implements Way {
    private final Pruner pruner;
    private final Criterion criterion;
    private final Sparsity sparsity;

    Calls(SelectCase made, Setup setup) {
      pruner = Pruner.builder().backend("cpu").threads(setup.threads()).open();
      criterion = Criterion.wanda(made.norms);
      sparsity = Amount.of(setup.amount());
    }

    @Override
    public long select(WeightMatrix matrix) {
      return pruner.prune(matrix, criterion, sparsity).pruned();
    }

    @Override
    public void close() {
      pruner.close();
    }
  }

  private Way preparedPlan() {
    WeightMatrix like = sources.at(0);
    SelectionPlan plan = backend.selector().prepare(like.dtype(), like.columns(), norms, rule);
    return matrix -> plan.select(matrix, matrix, null).pruned();
  }

  private long selectTiles(WeightMatrix matrix) {
    LongAdder pruned = new LongAdder();
    try (SelectionPlan plan =
        backend.selector().prepare(matrix.dtype(), matrix.columns(), norms, rule)) {
      workers.run(tiles.count(), (worker, tile) -> pruned.add(select(plan, matrix, tile)));
    }
    return pruned.sum();
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
    return way.select(result());
  }

  /** Selects some times, and returns the seconds that it took. */
  public double seconds(int repetitions) {
    return Rotation.seconds(repetitions, this::prepare, this::run);
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
    new SelectCheck(source(), norms, rule).whole(pruned, result());
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
    way.close();
    workers.close();
    backend.close();
    arena.close();
  }
}
