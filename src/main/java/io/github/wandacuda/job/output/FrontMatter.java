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
 * Reads the YAML that a card begins with, event by event: nothing is nested in memory, and nothing
 * is kept that wasn't asked for. It is apart from {@link CardFront} because snakeyaml-engine may be
 * missing.
 */
final class FrontMatter {
  private final Iterator<Event> events;
  private final Collection<String> wanted;
  private final Map<String, String> found = new LinkedHashMap<>();

  private FrontMatter(String text, Collection<String> wanted) {
    LoadSettings settings = LoadSettings.builder().setCodePointLimit(Integer.MAX_VALUE).build();
    // As api.lowlevel.Parse does it, whose package the engine's module doesn't export.
    this.events = new ParserImpl(settings, new StreamReader(settings, text));
    this.wanted = wanted;
  }

  /**
   * Returns the values of some keys, each as YAML that stands behind its key: a scalar, or a list
   * of scalars without repetitions. Keys with other values are left out.
   *
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
    // What is no JSON needn't be quoted; what was quoted stays text.
    return value.isPlain() ? value.getValue() : JsonText.line(value.getValue());
  }

  /** Returns a list of scalars; goes to the end of any other value, and returns nothing. */
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

  /** Goes to the end of a value that begins with an event. */
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
