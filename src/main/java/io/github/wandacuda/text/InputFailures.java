package io.github.wandacuda.text;

import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.Printable;

/** Words for the messages of failures, each of one line. */
final class InputFailures {
  private InputFailures() {}

  /** Returns a token of JSON, or null for the end, in words. */
  static String found(JsonToken token, String text) {
    return switch (token) {
      case null -> "the end";
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      default -> Printable.of(text);
    };
  }

  /** Returns the first line of a failure's message, or its kind if it has none. */
  static String firstLine(Throwable cause) {
    String message = cause.getMessage();
    return message == null || message.isBlank()
        ? cause.getClass().getSimpleName()
        : Printable.of(message.strip().lines().findFirst().orElse("").strip());
  }
}
