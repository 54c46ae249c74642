package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.checkpoint.TensorNames;
import io.github.wandacuda.job.verify.Verification.RowFailure;
import io.github.wandacuda.job.verify.Verification.TensorFailures;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Collects the failures of a verification. The lists have the same order whatever the order in
 * which threads add to them. Safe for use by several threads.
 */
public final class Failures {
  /** How many failures are kept, to bound memory; the others are only counted. */
  private static final int KEPT = 250_000;

  private final List<String> others = new ArrayList<>();
  private final Map<String, OfTensor> tensors = new TreeMap<>(TensorNames.NATURAL);
  private long kept;
  private long uncounted;

  /** The failures of one tensor's rows. */
  private static final class OfTensor {
    private final Path file;
    private final List<RowFailure> rows = new ArrayList<>();
    private long count;

    OfTensor(Path file) {
      this.file = file;
    }
  }

  /** Adds a failure that isn't a row's. */
  synchronized void add(String failure) {
    if (kept < KEPT) {
      others.add(failure);
      kept++;
    } else {
      uncounted++;
    }
  }

  /**
   * Adds a failure of a row of a tensor.
   *
   * @param weight how many elements are wrong
   */
  synchronized void add(Path file, String tensor, int row, long weight, String failure) {
    OfTensor found = tensors.computeIfAbsent(tensor, name -> new OfTensor(file));
    found.count++;
    if (kept < KEPT) {
      found.rows.add(new RowFailure(row, weight, failure));
      kept++;
    }
  }

  public synchronized boolean isEmpty() {
    return others.isEmpty() && tensors.isEmpty();
  }

  /** Returns the first failure in order. */
  public String first() {
    return Verification.inWords(others(), tensors()).findFirst().orElseThrow();
  }

  /** Returns the failures that aren't a row's. */
  synchronized List<String> others() {
    List<String> sorted = new ArrayList<>(others);
    sorted.sort(TensorNames.NATURAL);
    if (uncounted > 0) {
      sorted.add("and %d more".formatted(uncounted));
    }
    return sorted;
  }

  /** Returns the failures of rows by tensor, in the natural order of names, the worst row first. */
  synchronized List<TensorFailures> tensors() {
    List<TensorFailures> all = new ArrayList<>();
    tensors.forEach(
        (name, found) -> {
          List<RowFailure> rows = new ArrayList<>(found.rows);
          rows.sort(
              Comparator.comparingLong(RowFailure::weight)
                  .reversed()
                  .thenComparingInt(RowFailure::row)
                  .thenComparing(RowFailure::text));
          all.add(new TensorFailures(Printable.of(found.file), name, found.count, rows));
        });
    return all;
  }
}
