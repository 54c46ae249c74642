package io.github.wandacuda.job.record;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * The sentence that a report or a model card begins with: what was done, what that cost, and what
 * to do next.
 *
 * @param done what was done, without a full stop
 * @param before the source's perplexity, if it was measured
 * @param after the result's perplexity, if it was measured
 * @param less what to do where it cost too much, as the words that follow "prune"
 */
public record Verdict(String done, OptionalDouble before, OptionalDouble after, String less) {
  /** Up to this many times the source's perplexity, a model is taken as it is. */
  private static final double LITTLE = 1.05;

  /** From this many times on, a model is rather pruned again. */
  private static final double MUCH = 1.5;

  /** Says that zeros were set, as far as nothing was measured. */
  public static Verdict ofZeros(String method, long zeros, long elements) {
    return new Verdict(
        "%s of %s weights are zero (%.2f %%), chosen by %s"
            .formatted(
                number(zeros), number(elements), 100.0 * zeros / Math.max(1, elements), method),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        "prune less, or let `--update` fit the weights that stay");
  }

  /** Says that parts went, as far as nothing was measured. */
  public static Verdict ofParts(List<String> went, long parametersBefore, long parametersAfter) {
    return new Verdict(
        "%s went, and with them %.1f %% of the parameters"
            .formatted(
                String.join(" and ", went),
                100.0 * (parametersBefore - parametersAfter) / Math.max(1, parametersBefore)),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        "remove less, or train the smaller model further");
  }

  /** Returns the same with perplexities that were measured. */
  public Verdict measured(double dense, double result) {
    return new Verdict(done, OptionalDouble.of(dense), OptionalDouble.of(result), less);
  }

  /** Returns the sentence, with a full stop and commands in backquotes. */
  public String text() {
    if (before.isEmpty() || after.isEmpty()) {
      return done
          + "; what it cost was not measured, so compare it with its source on a text of your own"
          + " by `wanda-cuda perplexity` before you use it.";
    }
    double dense = before.getAsDouble();
    double result = after.getAsDouble();
    if (!Double.isFinite(result) || !Double.isFinite(dense)) {
      return "%s; its perplexity is no finite number, so %s before you use it."
          .formatted(done, less);
    }
    return "%s; perplexity %s from %.2f to %.2f (%s), %s."
        .formatted(
            done,
            result > dense ? "rose" : "went",
            dense,
            result,
            change(dense, result),
            next(result / dense));
  }

  private String next(double times) {
    if (times <= LITTLE) {
      return "which is little, so try it on a task of your own and use it";
    }
    return times <= MUCH
        ? "so try it on a task of your own before you use it"
        : "which is much, so " + less + " before you use it";
  }

  /** Returns how much more or less a number became, in percent with its sign. */
  public static String change(double from, double to) {
    return from == 0
        ? "from 0"
        : String.format(Locale.ROOT, "%+.1f %%", 100 * (to - from) / from).replace('-', '−');
  }

  /** Returns a whole number as reports and cards write it, in groups of three by commas. */
  public static String number(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** Returns sizes before and after, and how much that is in percent. */
  public static String change(long from, long to) {
    return "%s → %s (%s)".formatted(number(from), number(to), change((double) from, (double) to));
  }

  /** Returns what went, a phrase for each kind, such as "1 of 6 experts in each of 4 blocks". */
  public static List<String> went(RemovedParts removed, Map<String, Integer> sizes) {
    return removed.kinds().keySet().stream()
        .filter(kind -> removed.count(kind) > 0)
        .map(kind -> kind.went(removed.count(kind), sizes.get(kind.label())))
        .collect(Collectors.toList());
  }
}
