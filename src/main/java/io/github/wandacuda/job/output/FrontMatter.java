package io.github.wandacuda.job.output;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonText;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * Reads the YAML with which a card begins, event by event, so that nesting takes no memory and only
 * the wanted values are kept. It is a class apart from {@link CardFront}, since snakeyaml-engine
 * may be missing.
 */
final class FrontMatter {
  private final Iterator<Event> events;
  private final Collection<String> wanted;
  private final Map<String, String> found = new LinkedHashMap<>();

  private FrontMatter(String text, Collection<String> wanted) {
    LoadSettings settings = LoadSettings.builder().setCodePointLimit(Integer.MAX_VALUE).build();
    // Done as by api.lowlevel.Parse, whose package the engine's module doesn't export.
    this.events = new ParserImpl(settings, new StreamReader(settings, text));
    this.wanted = wanted;
  }

  /**
   * Returns the values of some keys, each as the YAML that follows its key: a scalar, or a list of
   * scalars without repetitions. Keys with other values are left out.
   *
   * @param text the front matter without its fences
   * @param wanted the keys
   * @throws IllegalArgumentException if the text isn't YAML
   */
  static Map<String, String> read(String text, Collection<String> wanted) {
    FrontMatter front = new FrontMatter(text, wanted);
    try {
      front.document();
    } catch (YamlEngineException e) {
      throw new IllegalArgumentException(Printable.firstLine(e), e);
    }
    return front.found;
  }

  private void document() {
    while (events.hasNext()) {
      if (events.next().getEventId() == Event.ID.MappingStart) {
        mapping();
        return;
      }
    }
  }

  private void mapping() {
    Event key = events.next();
    while (key.getEventId() != Event.ID.MappingEnd) {
      String name = key instanceof ScalarEvent scalar ? scalar.getValue() : null;
      skip(key);
      Event value = events.next();
      Optional<String> text = value instanceof ScalarEvent scalar ? scalar(scalar) : list(value);
      if (name != null && wanted.contains(name)) {
        text.ifPresent(there -> found.put(name, there));
      }
      key = events.next();
    }
  }

  private static Optional<String> scalar(ScalarEvent value) {
    if (value.getValue().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(" " + text(value));
  }

  /** Returns a scalar as one line of YAML. */
  private static String text(ScalarEvent value) {
    // A plain scalar that isn't JSON needs no quotes; a quoted one stays text.
    return value.isPlain() ? value.getValue() : JsonText.line(value.getValue());
  }

  /**
   * Returns a list of scalars as YAML. Any other value is skipped, for which nothing is returned.
   */
  private Optional<String> list(Event start) {
    if (start.getEventId() != Event.ID.SequenceStart) {
      skip(start);
      return Optional.empty();
    }
    LinkedHashSet<String> items = new LinkedHashSet<>();
    boolean plain = true;
    Event item = events.next();
    while (item.getEventId() != Event.ID.SequenceEnd) {
      if (item instanceof ScalarEvent scalar) {
        items.add("\n- " + text(scalar));
      } else {
        plain = false;
        skip(item);
      }
      item = events.next();
    }
    return plain && !items.isEmpty() ? Optional.of(String.join("", items)) : Optional.empty();
  }

  /**
   * Skips a value.
   *
   * @param first the value's first event
   */
  private void skip(Event first) {
    int open = opened(first);
    while (open > 0) {
      open += opened(events.next());
    }
  }

  private static int opened(Event event) {
    return switch (event.getEventId()) {
      case SequenceStart, MappingStart -> 1;
      case SequenceEnd, MappingEnd -> -1;
      default -> 0;
    };
  }
}
