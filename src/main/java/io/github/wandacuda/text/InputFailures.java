package io.github.wandacuda.text;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.IOException;

/** Makes the exceptions for files of the user that aren't JSON, each with a message of one line. */
public final class InputFailures {
  private InputFailures() {}

  /** Returns the failure for a file, or a part of it, that is not JSON. */
  public static InputException notJson(ErrorDetails where, JsonProcessingException cause) {
    JsonLocation at = cause.getLocation();
    String place = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    String problem = place + ": " + jsonReason(cause);
    return where.expected("JSON", "none" + problem).broken("not JSON" + problem, cause);
  }

  /** Returns why something is not JSON, in the first words of the parser. */
  static String jsonReason(JsonProcessingException cause) {
    String message = String.valueOf(cause.getOriginalMessage());
    int end = message.indexOf(" (start marker at");
    return firstLine(end < 0 ? message : message.substring(0, end));
  }

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
  public static String firstLine(Throwable cause) {
    String message = cause.getMessage();
    return message == null || message.isBlank()
        ? cause.getClass().getSimpleName()
        : firstLine(message);
  }

  private static String firstLine(String message) {
    return Printable.of(message.strip().lines().findFirst().orElse("").strip());
  }
}
