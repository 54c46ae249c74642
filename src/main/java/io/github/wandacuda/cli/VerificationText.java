package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.Verification;
import io.github.wandacuda.job.Verification.RowFailure;
import io.github.wandacuda.job.Verification.TensorFailures;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The result of a verification as text: the worst failures first, and no more lines than anybody
 * reads.
 */
final class VerificationText {
  private static final int MOST_LINES = 50;
  private static final int MOST_ROWS = 3;
  private static final String INDENT = "  ";

  private VerificationText() {}

  static Stream<String> failures(Verification found) {
    List<TensorFailures> tensors = found.tensors();
    Stream<String> title = Stream.of("not verified: " + summary(found));
    Stream<String> others = shortened(found.others()).map(line -> INDENT + OptionNames.in(line));
    Stream<String> rows =
        tensors.stream().limit(MOST_LINES).flatMap(VerificationText::worst).map(INDENT::concat);
    return Stream.of(title, others, rows, more(tensors.size(), "tensors")).flatMap(lines -> lines);
  }

  /** Adds the failures to a result: all of them in words, and how many each tensor has. */
  static void addFailures(Map<String, Object> object, Verification found) {
    object.put("failures", found.failures().stream().map(OptionNames::in).toList());
    object.put("failures_by_tensor", found.tensors().stream().map(VerificationText::row).toList());
  }

  private static Map<String, Object> row(TensorFailures tensor) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("tensor", tensor.tensor());
    row.put("count", tensor.count());
    return row;
  }

  private static String summary(Verification found) {
    if (found.count() == 0) {
      return count(found.added().size(), "file") + " added, and --strict allows none";
    }
    String inTensors =
        "%s in %s"
            .formatted(
                count(found.count() - found.others().size(), "failure"),
                count(found.tensors().size(), "tensor"));
    int others = found.others().size();
    return others == 0 ? inTensors : "%s, %d elsewhere".formatted(inTensors, others);
  }

  private static Stream<String> worst(TensorFailures tensor) {
    String order = tensor.count() > 1 ? ", the worst first" : "";
    Stream<String> title =
        Stream.of(
            "%s: tensor %s: %s%s"
                .formatted(
                    tensor.file(),
                    Printable.of(tensor.tensor()),
                    count(tensor.count(), "failure"),
                    order));
    Stream<String> rows =
        tensor.rows().stream().limit(MOST_ROWS).map(RowFailure::text).map(INDENT::concat);
    long left = tensor.count() - Math.min(MOST_ROWS, tensor.rows().size());
    Stream<String> more = Stream.of(INDENT + "and %d more (--json lists them)".formatted(left));
    return Stream.of(title, rows, more.filter(line -> left > 0)).flatMap(lines -> lines);
  }

  private static Stream<String> shortened(List<String> lines) {
    return Stream.concat(lines.stream().limit(MOST_LINES), more(lines.size(), ""));
  }

  private static Stream<String> more(int size, String what) {
    return size <= MOST_LINES
        ? Stream.empty()
        : Stream.of(
            INDENT
                + "and %d more %s (--json lists them)"
                    .formatted(size - MOST_LINES, what)
                    .replace("  ", " "));
  }

  private static String count(long count, String what) {
    return "%d %s%s".formatted(count, what, count == 1 ? "" : "s");
  }

  /** Returns the files that were added and the keys that can't be checked, line by line. */
  static Stream<String> notes(Verification found) {
    Stream<String> added =
        shortened(
            found.added().stream()
                .map(file -> "added since, which no loader reads: " + Printable.of(file))
                .toList());
    Stream<String> unchecked =
        Stream.of(
            "not checked, as neither weights nor source show it: "
                + String.join(", ", found.unchecked()));
    return found.unchecked().isEmpty() ? added : Stream.concat(added, unchecked);
  }
}
