package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.text.Utf8;
import java.nio.file.Path;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.resolver.CoreScalarResolver;
import org.snakeyaml.engine.v2.resolver.ScalarResolver;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** A YAML file that nobody vouches for, and what messages say of its nodes. */
record YamlFile(Path path) {
  /** The longest file, in bytes. */
  private static final int LONGEST = 1 << 20;

  /** Far more than a recipe has, and far less than what overflows the stack. */
  private static final int DEEPEST = 32;

  private static final LoadSettings SETTINGS =
      LoadSettings.builder()
          .setLabel("recipe")
          .setCodePointLimit(LONGEST)
          .setSchema(new PlainSchema())
          // Refused here too, but with its line.
          .setAllowNonScalarKeys(true)
          .build();

  /** YAML 1.2's core schema, to which the engine's adds YAML 1.1's merging by a key {@code <<}. */
  private static final class PlainSchema extends CoreSchema {
    @Override
    public ScalarResolver getScalarResolver() {
      return new CoreScalarResolver(false);
    }
  }

  /**
   * Returns what the file's only document holds; no node in it stands in two places.
   *
   * @throws io.github.wandacuda.error.InputException if it can't be read, is too long, or isn't
   *     YAML
   * @throws UsageException if it is empty, or has aliases, tags, a second document or too many
   *     levels
   */
  Node read() {
    long unused = InputFile.reading(path, () -> InputFile.size(path, LONGEST));
    // As api.lowlevel.Compose does it, whose package the engine's module doesn't export.
    Composer composer = new Composer(SETTINGS, new Events(Utf8.read(path)));
    try {
      return composer.getSingleNode().orElseThrow(() -> wrong(1, "stages", "an empty file"));
    } catch (MarkedYamlEngineException e) {
      throw ErrorDetails.part(path, "line " + line(e.getProblemMark()))
          .wrong("YAML", Printable.of(e.getProblem()), e);
    } catch (YamlEngineException e) {
      throw ErrorDetails.file(path).wrong("YAML", Printable.of(e.getMessage()), e);
    }
  }

  /**
   * The file's events, of which the nodes are composed. Aliases, tags and second documents are
   * refused, since a short file could stand for a huge one by them; and so is deep nesting, since
   * composing recurses.
   */
  private final class Events extends ParserImpl {
    private int depth;
    private int documents;

    Events(String text) {
      super(SETTINGS, new StreamReader(SETTINGS, text));
    }

    @Override
    public Event next() {
      Event event = super.next();
      int line = line(event.getStartMark());
      switch (event) {
        case DocumentStartEvent start -> {
          if (++documents > 1) {
            throw wrong(line, "one document", "a second one");
          }
        }
        case AliasEvent alias ->
            throw wrong(line, "the value itself", "the alias *" + alias.getAlias());
        case ScalarEvent scalar -> requireNoTag(line, scalar.getTag());
        case CollectionStartEvent start -> {
          requireNoTag(line, start.getTag());
          if (++depth > DEEPEST) {
            throw wrong(line, "at most %d levels of nesting".formatted(DEEPEST), "more");
          }
        }
        case CollectionEndEvent end -> depth--;
        default -> {}
      }
      return event;
    }

    private void requireNoTag(int line, Optional<String> tag) {
      if (tag.isPresent()) {
        throw wrong(line, "a value without a tag", "one with a tag");
      }
    }
  }

  /**
   * Returns a node that must be a scalar.
   *
   * @param expected what it should be, for the message
   * @throws UsageException if it is a list or a mapping
   */
  ScalarNode scalar(Node node, String expected) {
    if (node instanceof ScalarNode scalar) {
      return scalar;
    }
    throw wrong(line(node), expected, found(node));
  }

  /** Returns the line at which a node begins, from 1. */
  static int line(Node node) {
    return line(node.getStartMark());
  }

  private static int line(Optional<Mark> mark) {
    return mark.map(Mark::getLine).orElse(0) + 1;
  }

  /** Returns whether a scalar is text, by YAML's core schema. */
  static boolean isText(Node node) {
    return node.getTag().equals(Tag.STR);
  }

  /** Returns whether a scalar is a number, by YAML's core schema. */
  static boolean isNumber(Node node) {
    return node.getTag().equals(Tag.INT) || node.getTag().equals(Tag.FLOAT);
  }

  /** Returns what a node is, in the words of a message. */
  static String found(Node node) {
    if (!(node instanceof ScalarNode scalar)) {
      return node instanceof SequenceNode ? "a list" : "a mapping";
    }
    if (scalar.getTag().equals(Tag.NULL)) {
      return "nothing";
    }
    String text = Printable.of(scalar.getValue());
    if (isText(scalar)) {
      return "'%s'".formatted(text);
    }
    return "the %s %s".formatted(isNumber(scalar) ? "number" : "truth value", text);
  }

  /**
   * Returns the failure of what stands at a line.
   *
   * @param line from 1
   */
  UsageException wrong(int line, String expected, String found) {
    return wrong("line " + line, expected, found, null);
  }

  /**
   * Returns the failure of a part of the file.
   *
   * @param part which, for the message
   * @param hint what to do about it, or null
   */
  UsageException wrong(String part, String expected, String found, String hint) {
    return ErrorDetails.file(path).part(part).hint(hint).refused(expected, found);
  }
}
