package io.github.wandacuda.job.verify;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Checks that every zero of a pruned model's linear weights is a zero of another model's, too:
 * after a fine-tuning, a merge or a change of the type. +0.0 and -0.0 both count as zeros.
 */
public final class ZerosVerifier {
  private ZerosVerifier() {}

  /**
   * What was found.
   *
   * @param failures modules that are missing, added or of another shape, and zeros that are lost
   * @param modules how many modules were compared
   * @param zeros how many zeros the pruned model has in them
   */
  public record Found(Verification failures, int modules, long zeros) {}

  /**
   * Compares modules by their names.
   *
   * @param pruned the pruned model's modules
   * @param other the other model's, which need the same names and shapes, but not the same types
   * @param workers read and compare
   * @throws InputException if a weight's numbers can't be read, or a file is broken
   */
  public static Found verify(List<LinearModule> pruned, List<LinearModule> other, Workers workers) {
    Failures failures = new Failures();
    Map<String, LinearModule> others = new TreeMap<>();
    other.forEach(module -> others.put(module.name(), module));
    List<Comparison> jobs = new ArrayList<>();
    try (TilePairs buffers = TilePairs.of(workers.count())) {
      for (LinearModule module : pruned) {
        LinearModule counterpart = others.remove(module.name());
        if (counterpart == null) {
          failures.add(module.place().expected("it in the other model too", "none"));
        } else if (!isAlike(module, counterpart)) {
          boolean plain = arePlain(module, counterpart);
          failures.add(
              counterpart
                  .place()
                  .expected("shape " + shape(module, plain), shape(counterpart, plain).toString()));
        } else {
          jobs.add(new Comparison(module, counterpart, buffers, failures));
        }
      }
      others
          .values()
          .forEach(
              module -> failures.add(module.place().said("expected none, as in the pruned model")));
      workers.run(jobs);
    }
    long zeros = jobs.stream().mapToLong(job -> job.zeros.sum()).sum();
    return new Found(Verification.of(failures), jobs.size(), zeros);
  }

  private static boolean isAlike(LinearModule module, LinearModule counterpart) {
    boolean plain = arePlain(module, counterpart);
    return shape(module, plain).equals(shape(counterpart, plain))
        && (!plain || module.transposed() == counterpart.transposed());
  }

  private static boolean arePlain(LinearModule module, LinearModule counterpart) {
    return module.isPlain() && counterpart.isPlain();
  }

  private static List<Long> shape(LinearModule module, boolean stored) {
    return stored
        ? module.tensor().shape()
        : List.of((long) module.rows(), (long) module.columns());
  }

  /** A job that compares two weights, some rows at a time. */
  private static final class Comparison implements Job {
    private final LinearModule other;
    private final boolean turned;
    private final Failures failures;
    private final int columns;
    private final RowTiles tiles;
    private final ModuleTiles expected;
    private final ModuleTiles found;
    private final LongAdder zeros = new LongAdder();

    Comparison(LinearModule pruned, LinearModule other, TilePairs buffers, Failures failures) {
      this.other = other;
      this.failures = failures;
      pruned.requireRead();
      other.requireRead();
      boolean plain = arePlain(pruned, other);
      LinearModule was = plain ? pruned.stored() : pruned;
      LinearModule is = plain ? other.stored() : other;
      turned = is.transposed() != other.transposed();
      columns = is.columns();
      RowTiles one = ModuleTiles.cut(was, buffers.dense());
      RowTiles two = ModuleTiles.cut(is, buffers.pruned());
      // A transposed matrix is read as a whole.
      boolean whole = was.transposed() || is.transposed();
      tiles = one.tileRows() < two.tileRows() == whole ? two : one;
      expected = new ModuleTiles(was, tiles, buffers.dense());
      found = new ModuleTiles(is, tiles, buffers.pruned());
    }

    @Override
    public int tasks() {
      return columns == 0 ? 0 : tiles.count();
    }

    @Override
    public void run(int worker, int tile) {
      int first = tiles.firstRow(tile);
      WeightMatrix was = expected.read(worker, tile);
      WeightMatrix is = found.read(worker, tile);
      RowWords wasWords = new RowWords(was.dtype(), columns);
      RowWords isWords = new RowWords(is.dtype(), columns);
      for (int row = 0; row < is.rows(); row++) {
        int wasAt = wasWords.read(was, row);
        int isAt = isWords.read(is, row);
        compare(wasWords, wasAt, isWords, isAt, is, row, first + row);
      }
    }

    private void compare(
        RowWords was, int wasAt, RowWords is, int isAt, WeightMatrix found, int row, int stored) {
      int rowZeros = 0;
      int lost = 0;
      int firstLost = -1;
      for (int from = 0; from < columns; from += RowWords.BITS) {
        long expected = was.zeros(wasAt + from / was.lanes());
        long gone = expected & ~is.zeros(isAt + from / is.lanes());
        rowZeros += Long.bitCount(expected);
        lost += Long.bitCount(gone);
        if (firstLost < 0 && gone != 0) {
          firstLost = from + Long.numberOfTrailingZeros(gone);
        }
      }
      zeros.add(rowZeros);
      if (lost > 0) {
        report(stored, firstLost, lost, found.get(row, firstLost));
      }
    }

    private void report(int storedRow, int storedColumn, int lost, float found) {
      String more =
          lost > 1 ? ", and %d more of the %s".formatted(lost - 1, turned ? "column" : "row") : "";
      failures.add(
          other.shard().path(),
          other.tensor().name(),
          turned ? storedColumn : storedRow,
          lost,
          "row %d, column %d: expected 0.0, as in the pruned model, found %s%s"
              .formatted(
                  turned ? storedColumn : storedRow,
                  turned ? storedRow : storedColumn,
                  found,
                  more));
    }
  }
}
