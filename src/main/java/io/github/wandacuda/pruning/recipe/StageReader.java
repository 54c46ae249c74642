package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.Recipe.Stage;
import io.github.wandacuda.pruning.recipe.Structure.Parts;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.system.Labelled;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/**
 * Makes a stage of its keys and values, and checks that they go together.
 *
 * @param yaml the file, for messages
 * @param values by key, each one of {@link #KEYS}
 */
record StageReader(YamlFile yaml, Map<String, ScalarNode> values) {
  private static final String MODULES = "modules";
  private static final String ALLOCATION = "allocation";
  private static final String PATTERN = MethodKey.PATTERN.label();
  private static final String REFINE = MethodKey.REFINE.label();
  private static final String SPARSITY = MethodKey.SPARSITY.label();
  private static final String UPDATE = MethodKey.UPDATE.label();
  static final String STRUCTURE = "structure";
  private static final String REMOVE = "remove";
  private static final String SCORE = "score";
  private static final String MULTIPLE = "multiple";

  /** The keys that a stage may have only if it removes parts. */
  private static final List<String> OF_PARTS = List.of(STRUCTURE, REMOVE, SCORE, MULTIPLE);

  /** The keys that a stage may have. */
  static final List<String> KEYS =
      Stream.of(
              Stream.of(MODULES),
              Arrays.stream(MethodKey.values()).map(MethodKey::label),
              Stream.of(ALLOCATION),
              OF_PARTS.stream())
          .flatMap(keys -> keys)
          .toList();

  private static final String ENDING = ".json";

  /**
   * Returns what a stage with {@code structure} removes.
   *
   * @throws UsageException if its keys and values aren't that, or don't go together
   */
  Parts parts() {
    values.keySet().stream()
        .filter(key -> !OF_PARTS.contains(key) && !key.equals(SPARSITY) && !key.equals(UPDATE))
        .forEach(key -> refuse(key, "without 'structure'"));
    Structure structure = word(STRUCTURE, Structure.values()).orElseThrow();
    if (structure == Structure.AUTO) {
      List.of(REMOVE, SCORE).forEach(key -> refuse(key, "with another structure than auto"));
    } else if (structure != Structure.CHANNELS) {
      refuse(MULTIPLE, "with 'structure: channels' or 'structure: auto' alone");
    }
    if (values.containsKey(SPARSITY) || values.containsKey(MULTIPLE)) {
      refuse(REMOVE, "without 'sparsity' and 'multiple'");
    }
    checkWord(SCORE, structure.scores());
    Map<MethodKey, Object> said = new EnumMap<>(MethodKey.class);
    read(MethodKey.SPARSITY, said);
    return new Parts(
        structure,
        values.containsKey(SCORE) ? values.get(SCORE).getValue() : structure.usualScore(),
        (Sparsity.Ratio) said.getOrDefault(MethodKey.SPARSITY, MethodKey.SPARSITY.otherwise()),
        wholeNumber(REMOVE),
        Objects.requireNonNullElse(wholeNumber(MULTIPLE), 0),
        word(UPDATE, Update.values()));
  }

  /** Returns the value of a key that is one of some words, or nothing if the key isn't there. */
  private <T extends Labelled> Optional<T> word(String key, T[] all) {
    checkWord(key, Stream.of(all).map(Labelled::label).toList());
    return Optional.ofNullable(values.get(key))
        .map(value -> Labelled.of(value.getValue(), List.of(all), key));
  }

  /**
   * Returns a stage that prunes.
   *
   * @param line at which it begins, from 1
   * @throws UsageException if its keys and values aren't that, or don't go together
   */
  Stage stage(int line) {
    OF_PARTS.forEach(key -> refuse(key, "with 'structure' alone"));
    Map<MethodKey, Object> said = new EnumMap<>(MethodKey.class);
    read(MethodKey.METHOD, said);
    Object method = said.getOrDefault(MethodKey.METHOD, MethodKey.METHOD.otherwise());
    ModuleRules.ALONE.forEach(
        (key, alone) -> {
          if (method != alone) {
            refuse(key.label(), "with 'method: %s' alone".formatted(alone.label()));
          }
        });
    if (method == Method.WANDA_VARIANT) {
      refuse(PATTERN, "with another method than wanda-variant, which takes no pattern");
    }
    if (method == Method.SPARSEGPT) {
      refuse(REFINE, "with another method than sparsegpt, whose weights fit its own mask");
    }
    if (values.containsKey(SPARSITY)) {
      refuse(PATTERN, "without 'sparsity'");
    }
    if (!values.containsKey(REFINE)) {
      refuse(MethodKey.REFINE_SWAPS.label(), "with 'refine: swaps' alone");
    }
    Optional<Allocation> allocation = allocation();
    if (allocation.isPresent() && allocation.get() != Allocation.Rule.UNIFORM) {
      requireFree(method);
    }
    Optional<Pattern> modules = modules();
    for (MethodKey key : MethodKey.values()) {
      read(key, said);
    }
    return new Stage(
        modules, new ModuleRules(said), allocation.orElse(Allocation.Rule.UNIFORM), line);
  }

  /**
   * Checks that a key isn't there.
   *
   * @param where it may be, for the message, as "without 'sparsity'"
   * @throws UsageException if it is there
   */
  void refuse(String key, String where) {
    ScalarNode value = values.get(key);
    if (value != null) {
      throw wrong(key, "it " + where, YamlFile.found(value));
    }
  }

  /** Checks that blocks may get other shares than the total. */
  private void requireFree(Object method) {
    if (values.containsKey(PATTERN)) {
      refuse(ALLOCATION, "without 'pattern', which fixes every block's share");
    }
    if (method == Method.MASKS) {
      refuse(ALLOCATION, "with another method than masks, which fix every block's share");
    }
  }

  /** Returns the value of a key that must be text, or nothing if the key isn't there. */
  private Optional<ScalarNode> text(String key, String expected) {
    ScalarNode value = values.get(key);
    if (value != null && !YamlFile.isText(value)) {
      throw wrong(key, expected, YamlFile.found(value));
    }
    return Optional.ofNullable(value);
  }

  /**
   * Reads the value of a key, if the key is there.
   *
   * @param said takes it
   */
  private void read(MethodKey key, Map<MethodKey, Object> said) {
    String name = key.label();
    ScalarNode value = values.get(name);
    if (value == null) {
      return;
    }
    if (!key.words().isEmpty()) {
      checkWord(name, key.words());
    } else if (key.type() == String.class) {
      Optional<ScalarNode> unused = text(name, key.placeholder() + " such as 2:4");
    } else if (key.type() == Integer.class) {
      said.put(key, wholeNumber(name));
      return;
    }
    try {
      said.put(key, key.read(value.getValue(), name));
    } catch (UsageException e) {
      ErrorDetails details = e.details();
      throw wrong(name, details.expected(), details.found(), details.hint());
    }
    if (key.type() == Double.class && !YamlFile.isNumber(value)) {
      throw wrong(name, "a number", YamlFile.found(value), "leave the quotes out");
    }
  }

  private void checkWord(String key, List<String> words) {
    String expected =
        words.size() == 1
            ? "'%s'".formatted(words.getFirst())
            : "one of " + String.join(", ", words);
    text(key, expected)
        .filter(found -> !words.contains(found.getValue()))
        .ifPresent(
            found -> {
              throw wrong(
                  key,
                  expected,
                  YamlFile.found(found),
                  PublishedNames.hint(found.getValue(), words));
            });
  }

  private Optional<Pattern> modules() {
    return text(MODULES, "a regular expression as text")
        .map(
            value -> {
              try {
                return NamePatterns.compile(value.getValue());
              } catch (PatternSyntaxException e) {
                throw wrong(MODULES, "a regular expression", Printable.of(e.getDescription()));
              }
            });
  }

  /** Returns the number of a key, 1 or more, or null if the key isn't there. */
  private Integer wholeNumber(String key) {
    ScalarNode value = values.get(key);
    if (value == null) {
      return null;
    }
    try {
      int number = YamlFile.isNumber(value) ? new BigDecimal(value.getValue()).intValueExact() : 0;
      if (number >= 1) {
        return number;
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // Said below, as of other numbers that are none of these.
    }
    throw wrong(key, "a whole number from 1 to 2147483647", YamlFile.found(value));
  }

  private Optional<Allocation> allocation() {
    if (!values.containsKey(ALLOCATION)) {
      return Optional.empty();
    }
    String expected =
        "one of %s, or a file %s".formatted(String.join(", ", Allocation.Rule.labels()), ENDING);
    ScalarNode value = text(ALLOCATION, expected).orElseThrow();
    String text = value.getValue();
    Optional<Allocation.Rule> rule = Allocation.Rule.of(text);
    if (rule.isPresent()) {
      return Optional.of(rule.get());
    }
    if (!text.endsWith(ENDING)) {
      throw wrong(
          ALLOCATION,
          expected,
          YamlFile.found(value),
          PublishedNames.hint(text, Allocation.Rule.labels()));
    }
    try {
      return Optional.of(new Allocation.FromFile(yaml.path().resolveSibling(text)));
    } catch (InvalidPathException e) {
      throw wrong(ALLOCATION, "a file's name", Printable.of(e.getReason()));
    }
  }

  private UsageException wrong(String key, String expected, String found) {
    return wrong(key, expected, found, null);
  }

  private UsageException wrong(String key, String expected, String found, String hint) {
    return yaml.wrong(
        "line %d: %s".formatted(YamlFile.line(values.get(key)), key), expected, found, hint);
  }
}
