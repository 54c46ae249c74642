package io.github.wandacuda.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.Printable;
import java.io.IOException;

/** Words for the messages of failures, each of one line. */
final class InputFailures {
  private InputFailures() {}

  /** Returns a parser's current token in words. */
  static String found(JsonParser parser) throws IOException {
    JsonToken token = parser.currentToken();
    if (token == null) {
      return "the end";
    }
    return switch (token) {
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      default -> Printable.of(parser.getText());
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
