package io.github.wandacuda.job.verify;

import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.verify.Verification.RowFailure;
import io.github.wandacuda.job.verify.Verification.TensorFailures;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Collects the failures of a verification. The lists have the same order whatever the order in
 * which threads add to them. Safe for use by several threads.
 */
public final class Failures implements Serializable {
  private static final long serialVersionUID = 1L;

  /** How many failures are kept, to bound memory; the others are only counted. */
  private static final int KEPT = 250_000;

  private final List<String> others = new ArrayList<>();
  private final Set<String> known = new HashSet<>();
  private final Map<String, OfTensor> tensors = new HashMap<>();
  private String cause;
  private long kept;
  private long uncounted;

  /** The failures of one tensor's rows. */
  private static final class OfTensor implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final List<RowFailure> rows = new ArrayList<>();
    private long count;

    OfTensor(String file) {
      this.file = file;
    }
  }

  /** Adds a failure that isn't about a row. */
  public void add(ErrorDetails failure) {
    add(failure.line());
  }

  /** Adds the failure from which others follow. It comes before all of them. */
  synchronized void addCause(ErrorDetails failure) {
    cause = failure.line();
  }

  private synchronized void add(String failure) {
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
   * @param file that has the tensor
   * @param row its number, or -1 for the whole matrix
   * @param weight how many elements are wrong
   * @param failure in words
   */
  public synchronized void add(Path file, String tensor, int row, long weight, String failure) {
    OfTensor found = tensors.computeIfAbsent(tensor, name -> new OfTensor(Printable.of(file)));
    found.count++;
    if (kept < KEPT) {
      found.rows.add(new RowFailure(row, weight, failure));
      kept++;
    }
  }

  /**
   * Adds the failures that another process has found. One that several processes report is added
   * once.
   *
   * @param names replaces the path at the beginning of a text, which is the other process's, by the
   *     one here
   */
  public synchronized void add(Failures found, UnaryOperator<String> names) {
    found.others.stream().map(names).filter(known::add).forEach(this::add);
    uncounted += found.uncounted;
    found.tensors.forEach(
        (name, of) -> {
          OfTensor all = tensors.computeIfAbsent(name, key -> new OfTensor(names.apply(of.file)));
          all.count += of.count;
          int room = (int) Math.min(of.rows.size(), Math.max(0, KEPT - kept));
          all.rows.addAll(of.rows.subList(0, room));
          kept += room;
        });
  }

  /** Returns whether no failure was added. */
  public synchronized boolean isEmpty() {
    return cause == null && others.isEmpty() && tensors.isEmpty();
  }

  /**
   * Throws the first failure in order, if there is one.
   *
   * @param output that was checked, for the message
   * @throws io.github.wandacuda.error.VerificationException if there is one
   */
  public void require(Path output) {
    if (!isEmpty()) {
      throw VerificationException.ofOutput(output, first());
    }
  }

  /** Returns the first failure in order. */
  public String first() {
    return Verification.of(this).failures().getFirst();
  }

  synchronized List<String> others() {
    List<String> sorted = new ArrayList<>(others);
    sorted.sort(TensorNames.NATURAL);
    if (cause != null) {
      sorted.addFirst(cause);
    }
    if (uncounted > 0) {
      sorted.add("and %d more".formatted(uncounted));
    }
    return sorted;
  }

  /**
   * Returns the failures of rows by tensor, in the natural order of the tensors' names, the worst
   * row of each first.
   */
  synchronized List<TensorFailures> tensors() {
    List<TensorFailures> all = new ArrayList<>();
    tensors.keySet().stream()
        .sorted(TensorNames.NATURAL)
        .forEach(
            name -> {
              OfTensor found = tensors.get(name);
              List<RowFailure> rows = new ArrayList<>(found.rows);
              rows.sort(
                  Comparator.comparingLong(RowFailure::weight)
                      .reversed()
                      .thenComparingInt(RowFailure::row)
                      .thenComparing(RowFailure::text));
              all.add(new TensorFailures(found.file, name, found.count, rows));
            });
    return all;
  }
}
