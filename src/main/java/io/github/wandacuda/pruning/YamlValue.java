package io.github.wandacuda.pruning;

import io.github.wandacuda.error.Printable;
import org.snakeyaml.engine.v2.nodes.Tag;

/**
 * A scalar of a YAML file.
 *
 * @param text as it stands there, without quotes
 * @param type what the core schema takes it for
 * @param line its line, from 1
 */
record YamlValue(String text, Tag type, int line) {
  boolean isText() {
    return type.equals(Tag.STR);
  }

  boolean isNumber() {
    return type.equals(Tag.INT) || type.equals(Tag.FLOAT);
  }

  /** Returns what is there, for messages. */
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
