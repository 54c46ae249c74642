package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Checks that every zero of a pruned model's linear weights is a zero of another model's: after a
 * fine-tuning, a merge or a change of the type. +0.0 and -0.0 are zeros.
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
   * @param pruned the linear modules of the pruned model
   * @param other those of the other model, which need names and shapes alike, but not types
   * @throws InputException if a weight isn't F32, F16 or BF16, or a file is broken
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
          failures.add(inWords(module) + ": expected it in the other model too, found none");
        } else if (!isAlike(module, counterpart)) {
          failures.add(
              "%s: expected shape %s, found %s"
                  .formatted(
                      inWords(counterpart), module.tensor().shape(), counterpart.tensor().shape()));
        } else {
          jobs.add(new Comparison(module, counterpart, buffers, failures));
        }
      }
      others
          .values()
          .forEach(
              module -> failures.add(inWords(module) + ": expected none, as in the pruned model"));
      workers.run(jobs);
    }
    long zeros = jobs.stream().mapToLong(job -> job.zeros.sum()).sum();
    return new Found(Verification.of(failures), jobs.size(), zeros);
  }

  private static boolean isAlike(LinearModule module, LinearModule counterpart) {
    return module.tensor().shape().equals(counterpart.tensor().shape())
        && module.transposed() == counterpart.transposed();
  }

  private static String inWords(LinearModule module) {
    return "%s: tensor %s"
        .formatted(Printable.of(module.shard().path()), Printable.of(module.tensor().name()));
  }

  /** A job that compares two weights, some stored rows at a time. */
  private static final class Comparison implements Job {
    private final LinearModule pruned;
    private final LinearModule other;
    private final DType prunedType;
    private final DType otherType;
    private final TilePairs buffers;
    private final Failures failures;
    private final int columns;
    private final RowTiles tiles;
    private final LongAdder zeros = new LongAdder();

    Comparison(LinearModule pruned, LinearModule other, TilePairs buffers, Failures failures) {
      this.pruned = pruned;
      this.other = other;
      this.buffers = buffers;
      this.failures = failures;
      prunedType = type(pruned);
      otherType = type(other);
      columns = pruned.tensor().columns();
      long rowBytes = (long) columns * Math.max(prunedType.bytes(), otherType.bytes());
      tiles = RowTiles.of(pruned.tensor().rows(), rowBytes, true, buffers.pieceBytes(), 1);
      buffers.reserve(tiles.tileRows() * rowBytes);
    }

    private static DType type(LinearModule module) {
      return module
          .tensor()
          .type()
          .orElseThrow(
              () ->
                  module
                      .place()
                      .wrong(
                          "F32, F16 or BF16, to see its zeros",
                          Printable.of(module.tensor().dtype())));
    }

    @Override
    public int tasks() {
      return columns == 0 ? 0 : tiles.count();
    }

    @Override
    public void run(int worker, int tile) {
      int first = tiles.firstRow(tile);
      int rows = tiles.rowsOf(tile);
      long before = (long) columns * prunedType.bytes();
      long after = (long) columns * otherType.bytes();
      MemorySegment expected = buffers.dense().of(worker, rows * before);
      MemorySegment found = buffers.pruned().of(worker, rows * after);
      pruned.shard().read(pruned.tensor(), first * before, expected);
      other.shard().read(other.tensor(), first * after, found);
      WeightMatrix was = WeightMatrix.of(expected, prunedType, rows, columns);
      WeightMatrix is = WeightMatrix.of(found, otherType, rows, columns);
      RowWords wasWords = new RowWords(prunedType, columns);
      RowWords isWords = new RowWords(otherType, columns);
      for (int row = 0; row < rows; row++) {
        wasWords.read(was, row);
        isWords.read(is, row);
        compare(wasWords, isWords, is, row, first + row);
      }
    }

    private void compare(RowWords was, RowWords is, WeightMatrix found, int row, int stored) {
      int rowZeros = 0;
      int lost = 0;
      int firstLost = -1;
      for (int from = 0; from < columns; from += RowWords.BITS) {
        long expected = was.zeros(from / was.lanes());
        long gone = expected & ~is.zeros(from / is.lanes());
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
      boolean turned = other.transposed();
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
