package io.github.wandacuda.job.verify;

import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The result of a verification.
 *
 * @param others what is wrong with files, headers, tensors as a whole and the record
 * @param tensors what is wrong with rows, by tensor in the natural order of their names
 * @param added files beside the model that no program loads; they are no failures
 * @param unchecked keys of the record whose values neither the weights nor the source can prove
 * @param mode what the record says was done: {@link Provenance#MASK}, {@link Provenance#UPDATE},
 *     after which kept weights may differ, or {@link Provenance#STRUCTURE}, which comes before one
 *     of these and a plus where weights were pruned then
 * @param unproven names of the tensors whose weights were fitted: nothing proves what they became
 * @param undigested how many of these the record has no digest of, as older versions wrote none
 */
public record Verification(
    List<String> others,
    List<TensorFailures> tensors,
    List<Path> added,
    List<String> unchecked,
    String mode,
    List<String> unproven,
    int undigested) {
  public Verification {
    others = List.copyOf(others);
    tensors = List.copyOf(tensors);
    added = List.copyOf(added);
    unchecked = List.copyOf(unchecked);
    unproven = List.copyOf(unproven);
  }

  /** Returns the result of a verification that went no further than its failures. */
  static Verification of(Failures failures) {
    return new Verification(
        failures.others(), failures.tensors(), List.of(), List.of(), Provenance.MASK, List.of(), 0);
  }

  /**
   * Returns the same result with the tensors that were fitted.
   *
   * @param fitted their names
   * @param digests those that the record has, by name
   */
  Verification withUnproven(Set<String> fitted, Map<String, String> digests) {
    List<String> names = fitted.stream().sorted(TensorNames.NATURAL).toList();
    long without = names.stream().filter(name -> !digests.containsKey(name)).count();
    return new Verification(others, tensors, added, unchecked, mode, names, (int) without);
  }

  /**
   * What is wrong with a row.
   *
   * @param row its number, or -1 for the whole matrix
   * @param weight how many elements are wrong
   * @param text the failure in words
   */
  public record RowFailure(int row, long weight, String text) implements Serializable {}

  /**
   * What is wrong with a tensor's rows.
   *
   * @param file the file that holds it, printable
   * @param tensor its full name
   * @param count how many rows are wrong
   * @param rows the failures, the worst first; fewer than {@code count} if there are too many
   */
  public record TensorFailures(String file, String tensor, long count, List<RowFailure> rows)
      implements Serializable {
    public TensorFailures {
      rows = List.copyOf(rows);
    }

    /** Returns the failures in words, and how many more there are. */
    Stream<String> inWords() {
      String place = "%s: tensor %s: ".formatted(file, Printable.of(tensor));
      Stream<String> all = rows.stream().map(row -> place + row.text());
      long more = count - rows.size();
      return more == 0 ? all : Stream.concat(all, Stream.of(place + "and %d more".formatted(more)));
    }
  }

  /** Returns whether the record names another source, from which most other failures follow. */
  public boolean isOfOtherSource() {
    return !others.isEmpty() && others.getFirst().endsWith(RecordCheck.OTHER_SOURCE);
  }

  /** Returns whether there is no failure. */
  public boolean holds() {
    return others.isEmpty() && tensors.isEmpty();
  }

  /**
   * Returns whether there is no failure, and nothing else unproven: no added file and no fitted
   * weight.
   */
  public boolean holdsStrictly() {
    return holds() && added.isEmpty() && unproven.isEmpty();
  }

  /** Returns the number of failures. */
  public long count() {
    return others.size() + tensors.stream().mapToLong(TensorFailures::count).sum();
  }

  /** Returns the failures in words, and how many more there are of a tensor. */
  public List<String> failures() {
    return Stream.concat(others.stream(), tensors.stream().flatMap(TensorFailures::inWords))
        .toList();
  }
}
