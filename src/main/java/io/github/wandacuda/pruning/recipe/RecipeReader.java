package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Suggestion;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.Recipe.Stage;
import io.github.wandacuda.pruning.recipe.Structure.Parts;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.pruning.recipe.YamlEvents.YamlValue;
import io.github.wandacuda.system.Labelled;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.events.Event;

/** Reads the structure of a recipe: the list of stages, and the keys and values of each. */
final class RecipeReader {
  private static final String MODULES = "modules";
  private static final String ALLOCATION = "allocation";
  private static final String PATTERN = MethodKey.PATTERN.label();
  private static final String REFINE = MethodKey.REFINE.label();
  private static final String SPARSITY = MethodKey.SPARSITY.label();
  private static final String UPDATE = MethodKey.UPDATE.label();
  private static final String STRUCTURE = "structure";
  private static final String REMOVE = "remove";
  private static final String SCORE = "score";
  private static final String MULTIPLE = "multiple";

  /** What only a stage that removes parts may say. */
  private static final List<String> OF_PARTS = List.of(STRUCTURE, REMOVE, SCORE, MULTIPLE);

  /** What a stage may say. */
  static final List<String> KEYS =
      Stream.of(
              Stream.of(MODULES),
              Arrays.stream(MethodKey.values()).map(MethodKey::label),
              Stream.of(ALLOCATION),
              OF_PARTS.stream())
          .flatMap(keys -> keys)
          .toList();

  private static final String ENDING = ".json";

  private final Path file;
  private final YamlEvents events;
  private Optional<Parts> parts = Optional.empty();

  RecipeReader(Path file) {
    this.file = file;
    this.events = new YamlEvents(file);
  }

  Recipe recipe() {
    List<Stage> stages = events.is(Event.ID.MappingStart) ? named() : list();
    events.requireEnd();
    return new Recipe(file, parts, stages);
  }

  private List<Stage> named() {
    int line = events.line();
    events.advance();
    List<Stage> stages = null;
    while (!events.is(Event.ID.MappingEnd)) {
      YamlValue key = events.scalar("'stages'");
      if (!key.text().equals("stages")) {
        throw unknown(key, List.of("stages"));
      }
      if (stages != null) {
        throw twice(key);
      }
      stages = list();
    }
    events.advance();
    if (stages == null) {
      throw events.wrong(line, "a list of stages", "nothing");
    }
    return stages;
  }

  private List<Stage> list() {
    int line = events.line();
    if (!events.is(Event.ID.SequenceStart)) {
      throw events.wrong(line, "a list of stages", events.found());
    }
    events.advance();
    List<Stage> stages = new ArrayList<>();
    while (!events.is(Event.ID.SequenceEnd)) {
      stage(stages);
    }
    events.advance();
    if (stages.isEmpty() && parts.isEmpty()) {
      throw events.wrong(line, "a stage", "an empty list");
    }
    return stages;
  }

  /** Reads a stage, and adds it to those before it unless it removes parts. */
  private void stage(List<Stage> before) {
    int line = events.line();
    if (!events.is(Event.ID.MappingStart)) {
      throw events.wrong(line, "a stage, such as 'sparsity: 0.5'", events.found());
    }
    events.advance();
    Map<String, YamlValue> values = new LinkedHashMap<>();
    while (!events.is(Event.ID.MappingEnd)) {
      YamlValue key = events.scalar("a key of a stage");
      if (!KEYS.contains(key.text())) {
        throw unknown(key, KEYS);
      }
      YamlValue value = events.scalar("one value for '%s'".formatted(key.text()));
      if (values.put(key.text(), value) != null) {
        throw twice(key);
      }
    }
    events.advance();
    StageReader reader = new StageReader(values);
    if (!values.containsKey(STRUCTURE)) {
      before.add(reader.stage(line));
      return;
    }
    if (parts.isPresent() || !before.isEmpty()) {
      reader.refuse(STRUCTURE, "in the first stage alone");
    }
    parts = Optional.of(reader.parts());
  }

  private UsageException unknown(YamlValue key, List<String> known) {
    return events.wrong(
        "line " + key.line(),
        known.size() == 1
            ? "the key '%s'".formatted(known.getFirst())
            : "one of the keys " + String.join(", ", known),
        key.found(),
        Suggestion.hint(key.text(), known));
  }

  private UsageException twice(YamlValue key) {
    return events.wrong(key.line(), "every key once", "a second '%s'".formatted(key.text()));
  }

  /** Makes a stage of its keys and values, and checks that they go together. */
  private final class StageReader {
    private final Map<String, YamlValue> values;

    StageReader(Map<String, YamlValue> values) {
      this.values = values;
    }

    /** Returns what goes. */
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
          values.containsKey(SCORE) ? values.get(SCORE).text() : structure.usualScore(),
          (Sparsity.Ratio) said.getOrDefault(MethodKey.SPARSITY, MethodKey.SPARSITY.otherwise()),
          wholeNumber(REMOVE),
          Objects.requireNonNullElse(wholeNumber(MULTIPLE), 0),
          word(UPDATE, Update.values()));
    }

    private <T extends Labelled> Optional<T> word(String key, T[] all) {
      checkWord(key, Stream.of(all).map(Labelled::label).toList());
      return Optional.ofNullable(values.get(key))
          .map(value -> Labelled.of(value.text(), List.of(all), key));
    }

    /** Returns the stage, which begins at a line. */
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

    void refuse(String key, String where) {
      YamlValue value = values.get(key);
      if (value != null) {
        throw wrong(key, "it " + where, value.found());
      }
    }

    /** Checks that the share of a block may be another than the total. */
    private void requireFree(Object method) {
      if (values.containsKey(PATTERN)) {
        refuse(ALLOCATION, "without 'pattern', which fixes every block's share");
      }
      if (method == Method.MASKS) {
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

    /** Reads what a key says, if it is there. */
    private void read(MethodKey key, Map<MethodKey, Object> said) {
      String name = key.label();
      YamlValue value = values.get(name);
      if (value == null) {
        return;
      }
      if (!key.words().isEmpty()) {
        checkWord(name, key.words());
      } else if (key.type() == String.class) {
        Optional<YamlValue> unused = text(name, key.placeholder() + " such as 2:4");
      } else if (key.type() == Integer.class) {
        said.put(key, wholeNumber(name));
        return;
      }
      try {
        said.put(key, key.read(value.text(), name));
      } catch (UsageException e) {
        ErrorDetails details = e.details();
        throw wrong(name, details.expected(), details.found(), details.hint());
      }
      if (key.type() == Double.class && !value.isNumber()) {
        throw wrong(name, "a number", value.found(), "leave the quotes out");
      }
    }

    private void checkWord(String key, List<String> words) {
      String expected =
          words.size() == 1
              ? "'%s'".formatted(words.getFirst())
              : "one of " + String.join(", ", words);
      text(key, expected)
          .filter(found -> !words.contains(found.text()))
          .ifPresent(
              found -> {
                throw wrong(key, expected, found.found(), PublishedNames.hint(found.text(), words));
              });
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

    /** Returns the number of a key, or null where it isn't there. */
    private Integer wholeNumber(String key) {
      YamlValue value = values.get(key);
      if (value == null) {
        return null;
      }
      try {
        int number = value.isNumber() ? new BigDecimal(value.text()).intValueExact() : 0;
        if (number >= 1) {
          return number;
        }
      } catch (ArithmeticException | NumberFormatException e) {
        // Said below, as of other numbers that are none of these.
      }
      throw wrong(key, "a whole number from 1 to 2147483647", value.found());
    }

    private Optional<Allocation> allocation() {
      if (!values.containsKey(ALLOCATION)) {
        return Optional.empty();
      }
      String expected =
          "one of %s, or a file %s".formatted(String.join(", ", Allocation.Rule.labels()), ENDING);
      YamlValue value = text(ALLOCATION, expected).orElseThrow();
      String text = value.text();
      Optional<Allocation.Rule> rule = Allocation.Rule.of(text);
      if (rule.isPresent()) {
        return Optional.of(rule.get());
      }
      if (!text.endsWith(ENDING)) {
        throw wrong(
            ALLOCATION,
            expected,
            value.found(),
            PublishedNames.hint(text, Allocation.Rule.labels()));
      }
      try {
        return Optional.of(new Allocation.FromFile(file.resolveSibling(text)));
      } catch (InvalidPathException e) {
        throw wrong(ALLOCATION, "a file's name", Printable.of(e.getReason()));
      }
    }

    private UsageException wrong(String key, String expected, String found) {
      return wrong(key, expected, found, null);
    }

    private UsageException wrong(String key, String expected, String found, String hint) {
      return events.wrong(
          "line %d: %s".formatted(values.get(key).line(), key), expected, found, hint);
    }
  }
}
