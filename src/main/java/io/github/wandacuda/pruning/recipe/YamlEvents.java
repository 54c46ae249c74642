package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.text.Utf8;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.resolver.ScalarResolver;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/**
 * The events of a YAML file that nobody vouches for, one after the other, so that nothing is kept
 * that its reader doesn't ask for. Aliases, tags and second documents are refused: a short file
 * could stand for a huge one by them.
 */
final class YamlEvents {
  private static final int LONGEST = 1 << 20;

  private static final ScalarResolver RESOLVER = new CoreSchema().getScalarResolver();

  private final Path file;
  private final Iterator<Event> events;
  private Event current;

  /** Opens a file; the current event is the first in its document. */
  YamlEvents(Path file) {
    this.file = file;
    LoadSettings settings =
        LoadSettings.builder().setLabel("recipe").setCodePointLimit(LONGEST).build();
    // As Parse does it, whose package the engine's module doesn't export.
    events = new ParserImpl(settings, new StreamReader(settings, text(file)));
    advance();
    advance();
    if (is(Event.ID.StreamEnd)) {
      throw wrong(1, "stages", "an empty file");
    }
    advance();
  }

  private static String text(Path file) {
    long unused = InputFile.reading(file, () -> InputFile.size(file, LONGEST));
    return Utf8.read(file);
  }

  boolean is(Event.ID kind) {
    return current.getEventId() == kind;
  }

  int line() {
    return line(current.getStartMark());
  }

  private static int line(Optional<Mark> mark) {
    return mark.map(Mark::getLine).orElse(0) + 1;
  }

  void advance() {
    try {
      current = events.next();
    } catch (MarkedYamlEngineException e) {
      throw ErrorDetails.part(file, "line " + line(e.getProblemMark()))
          .wrong("YAML", Printable.of(e.getProblem()), e);
    } catch (YamlEngineException e) {
      throw ErrorDetails.file(file).wrong("YAML", Printable.of(e.getMessage()), e);
    }
    boolean tagged =
        (current instanceof ScalarEvent scalar && scalar.getTag().isPresent())
            || (current instanceof CollectionStartEvent start && start.getTag().isPresent());
    if (tagged) {
      throw wrong(line(), "a value without a tag", "one with a tag");
    }
    if (current instanceof AliasEvent alias) {
      throw wrong(line(), "the value itself", "the alias *" + alias.getAlias());
    }
  }

  /** Returns the current event, a scalar, and goes to the next; anything else is wrong. */
  YamlValue scalar(String expected) {
    if (!(current instanceof ScalarEvent scalar)) {
      throw wrong(line(), expected, found());
    }
    Tag type = RESOLVER.resolve(scalar.getValue(), scalar.getImplicit().canOmitTagInPlainScalar());
    YamlValue value = new YamlValue(scalar.getValue(), type, line());
    advance();
    return value;
  }

  String found() {
    return switch (current.getEventId()) {
      case SequenceStart -> "a list";
      case MappingStart -> "a mapping";
      case Scalar -> scalar("a value").found();
      default -> "the end of the document";
    };
  }

  /** Checks that the document is over, and that it is the only one. */
  void requireEnd() {
    advance();
    if (!is(Event.ID.StreamEnd)) {
      throw wrong(line(), "one document", "a second one");
    }
  }

  UsageException wrong(int line, String expected, String found) {
    return wrong("line " + line, expected, found, null);
  }

  UsageException wrong(String part, String expected, String found, String hint) {
    return ErrorDetails.file(file).part(part).hint(hint).refused(expected, found);
  }

  /** A scalar: its text without quotes, what the core schema takes it for, its line from 1. */
  record YamlValue(String text, Tag type, int line) {
    boolean isText() {
      return type.equals(Tag.STR);
    }

    boolean isNumber() {
      return type.equals(Tag.INT) || type.equals(Tag.FLOAT);
    }

    String found() {
      if (type.equals(Tag.NULL)) {
        return "nothing";
      }
      if (isText()) {
        return "'%s'".formatted(Printable.of(text));
      }
      return "the %s %s".formatted(isNumber() ? "number" : "truth value", Printable.of(text));
    }
  }
}
