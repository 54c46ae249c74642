package io.github.wandacuda.pruning;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.snakeyaml.engine.v2.events.Event;

/** Reads the structure of a recipe: the list of stages, and the keys and values of each. */
final class RecipeReader {
  private static final String STAGES = "stages";

  private final Path file;
  private final YamlEvents events;

  RecipeReader(Path file) {
    this.file = file;
    this.events = new YamlEvents(file);
  }

  /** Returns the stages of the file. */
  List<Stage> stages() {
    List<Stage> stages = events.is(Event.ID.MappingStart) ? named() : list();
    events.requireEnd();
    return stages;
  }

  private List<Stage> named() {
    int line = events.line();
    events.advance();
    List<Stage> stages = null;
    while (!events.is(Event.ID.MappingEnd)) {
      YamlValue key = events.scalar("'stages'");
      if (!key.text().equals(STAGES)) {
        throw unknown(key, List.of(STAGES));
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
      stages.add(stage());
    }
    events.advance();
    if (stages.isEmpty()) {
      throw events.wrong(line, "a stage", "an empty list");
    }
    return stages;
  }

  private Stage stage() {
    int line = events.line();
    if (!events.is(Event.ID.MappingStart)) {
      throw events.wrong(line, "a stage, such as 'sparsity: 0.5'", events.found());
    }
    events.advance();
    Map<String, YamlValue> values = new LinkedHashMap<>();
    while (!events.is(Event.ID.MappingEnd)) {
      YamlValue key = events.scalar("a key of a stage");
      if (!StageReader.KEYS.contains(key.text())) {
        throw unknown(key, StageReader.KEYS);
      }
      YamlValue value = events.scalar("one value for '%s'".formatted(key.text()));
      if (values.put(key.text(), value) != null) {
        throw twice(key);
      }
    }
    events.advance();
    return new StageReader(file, events, values).stage(line);
  }

  private UsageException unknown(YamlValue key, List<String> known) {
    return events.wrong(
        "line " + key.line(),
        known.size() == 1 ? "the key '%s'".formatted(known.getFirst()) : oneOf(known),
        key.found(),
        Suggestion.hint(key.text(), known));
  }

  private static String oneOf(List<String> known) {
    return "one of the keys " + String.join(", ", known);
  }

  private UsageException twice(YamlValue key) {
    return events.wrong(key.line(), "every key once", "a second '%s'".formatted(key.text()));
  }
}
