package io.github.wandacuda.pruning;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.NamePatterns;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Makes a stage of its keys and values, and checks that they go together. */
final class StageReader {
  private static final String MODULES = "modules";
  private static final String METHOD = "method";
  private static final String SCOPE = "scope";
  private static final String SPARSITY = "sparsity";
  private static final String PATTERN = "pattern";
  private static final String REFINE = "refine";
  private static final String REFINE_SWAPS = "refine-swaps";
  private static final String UPDATE = "update";
  private static final String ALLOCATION = "allocation";

  /** What a stage may say. */
  static final List<String> KEYS =
      List.of(MODULES, METHOD, SCOPE, SPARSITY, PATTERN, REFINE, REFINE_SWAPS, UPDATE, ALLOCATION);

  private static final String ENDING = ".json";

  private final Path file;
  private final YamlEvents events;
  private final Map<String, YamlValue> values;

  /**
   * Prepares a stage.
   *
   * @param values by key, each one of {@link #KEYS}
   */
  StageReader(Path file, YamlEvents events, Map<String, YamlValue> values) {
    this.file = file;
    this.events = events;
    this.values = values;
  }

  /** Returns the stage, which begins at a line. */
  Stage stage(int line) {
    String method = word(METHOD, Recipe.METHODS).orElse(Recipe.METHODS.getFirst());
    if (!method.equals("ria")) {
      refuse(SCOPE, "with 'method: ria' alone");
    }
    if (method.equals("wanda-variant")) {
      refuse(PATTERN, "with another method than wanda-variant, which takes no pattern");
    }
    if (method.equals("sparsegpt")) {
      refuse(REFINE, "with another method than sparsegpt, whose weights fit its own mask");
    }
    if (values.containsKey(SPARSITY)) {
      refuse(PATTERN, "without 'sparsity'");
    }
    if (!values.containsKey(REFINE)) {
      refuse(REFINE_SWAPS, "with 'refine: swaps' alone");
    }
    Optional<Allocation> allocation = allocation();
    if (allocation.isPresent() && allocation.get() != Allocation.Rule.UNIFORM) {
      requireFree(method);
    }
    return new Stage(
        modules(),
        method,
        word(SCOPE, List.of("row", "matrix")),
        sparsity(),
        word(REFINE, List.of("swaps")).isPresent(),
        swaps(),
        word(UPDATE, List.of("reconstruct")).isPresent(),
        allocation.orElse(Allocation.Rule.UNIFORM),
        line);
  }

  private void refuse(String key, String where) {
    YamlValue value = values.get(key);
    if (value != null) {
      throw wrong(key, "it " + where, value.found());
    }
  }

  /** Checks that the share of a block may be another than the total. */
  private void requireFree(String method) {
    if (values.containsKey(PATTERN)) {
      refuse(ALLOCATION, "without 'pattern', which fixes every block's share");
    }
    if (method.equals("masks")) {
      refuse(ALLOCATION, "with another method than masks, which fix every block's share");
    }
  }

  private Optional<YamlValue> text(String key, String expected) {
    YamlValue value = values.get(key);
    if (value != null && !value.isText()) {
      throw wrong(key, expected, value.found());
    }
    return Optional.ofNullable(value);
  }

  private Optional<String> word(String key, List<String> words) {
    String expected =
        words.size() == 1
            ? "'%s'".formatted(words.getFirst())
            : "one of " + String.join(", ", words);
    Optional<String> word = text(key, expected).map(YamlValue::text);
    word.filter(found -> !words.contains(found))
        .ifPresent(
            found -> {
              throw wrong(key, expected, values.get(key).found(), Suggestion.hint(found, words));
            });
    return word;
  }

  private Optional<Pattern> modules() {
    return text(MODULES, "a regular expression as text")
        .map(
            value -> {
              try {
                return NamePatterns.compile(value.text());
              } catch (PatternSyntaxException e) {
                throw wrong(MODULES, "a regular expression", Printable.of(e.getDescription()));
              }
            });
  }

  private Optional<Sparsity> sparsity() {
    YamlValue ratio = values.get(SPARSITY);
    if (ratio != null) {
      Sparsity parsed = placed(SPARSITY, () -> SparsityParser.ratio(ratio.text()));
      if (!ratio.isNumber()) {
        throw wrong(SPARSITY, "a number", ratio.found(), "leave the quotes out");
      }
      return Optional.of(parsed);
    }
    return text(PATTERN, "N:M such as 2:4")
        .map(value -> placed(PATTERN, () -> SparsityParser.pattern(value.text())));
  }

  /** Says where the text is that a parser refuses. */
  private <T> T placed(String key, Supplier<T> parse) {
    try {
      return parse.get();
    } catch (UsageException e) {
      ErrorDetails details = e.details();
      ErrorDetails place = ErrorDetails.file(file);
      throw new UsageException(
          details.said() == null
              ? place
                  .part(place(key))
                  .expected(details.expected(), details.found())
                  .hint(details.hint())
              : place.part("line " + values.get(key).line()).said(details.said()),
          e);
    }
  }

  private OptionalInt swaps() {
    YamlValue value = values.get(REFINE_SWAPS);
    if (value == null) {
      return OptionalInt.empty();
    }
    try {
      int swaps = value.isNumber() ? new BigDecimal(value.text()).intValueExact() : 0;
      if (swaps >= 1) {
        return OptionalInt.of(swaps);
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // Said below, as of other numbers that are none of these.
    }
    throw wrong(REFINE_SWAPS, "a whole number from 1 to 2147483647", value.found());
  }

  private Optional<Allocation> allocation() {
    String expected =
        "one of %s, or a file %s".formatted(String.join(", ", Allocation.Rule.labels()), ENDING);
    Optional<YamlValue> value = text(ALLOCATION, expected);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    String text = value.get().text();
    Optional<Allocation.Rule> rule = Allocation.Rule.of(text);
    if (rule.isPresent()) {
      return Optional.of(rule.get());
    }
    if (!text.endsWith(ENDING)) {
      throw wrong(
          ALLOCATION,
          expected,
          value.get().found(),
          Suggestion.hint(text, Allocation.Rule.labels()));
    }
    try {
      return Optional.of(new Allocation.FromFile(file.resolveSibling(text)));
    } catch (InvalidPathException e) {
      throw wrong(ALLOCATION, "a file's name", Printable.of(e.getReason()));
    }
  }

  private String place(String key) {
    return "line %d: %s".formatted(values.get(key).line(), key);
  }

  private UsageException wrong(String key, String expected, String found) {
    return wrong(key, expected, found, null);
  }

  private UsageException wrong(String key, String expected, String found, String hint) {
    return events.wrong(place(key), expected, found, hint);
  }
}
