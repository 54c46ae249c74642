package io.github.wandacuda.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.wandacuda.io.json.JsonTree;
import java.io.IOException;
import java.util.Optional;

/**
 * Finds a post-processor that adds a special token which it doesn't define. The native library does
 * not report that: it ends the process when it encodes.
 */
final class TemplateCheck {
  private static final JsonFactory FACTORY = new JsonFactory();

  private TemplateCheck() {}

  /**
   * Returns the first undefined special token of a {@code tokenizer.json}.
   *
   * @throws com.fasterxml.jackson.core.JsonProcessingException if the bytes aren't JSON
   */
  static Optional<String> undefinedToken(byte[] tokenizerJson) throws IOException {
    try (JsonParser parser = FACTORY.createParser(tokenizerJson)) {
      return undefinedToken(postProcessor(parser));
    }
  }

  private static JsonNode postProcessor(JsonParser parser) throws IOException {
    JsonNode found = MissingNode.getInstance();
    parser.nextToken();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean wanted = parser.currentName().equals("post_processor");
      parser.nextToken();
      if (wanted) {
        found = JsonTree.value(parser);
      } else {
        parser.skipChildren();
      }
    }
    return found;
  }

  private static Optional<String> undefinedToken(JsonNode processor) {
    for (JsonNode part : processor.path("processors")) {
      Optional<String> undefined = undefinedToken(part);
      if (undefined.isPresent()) {
        return undefined;
      }
    }
    JsonNode defined = processor.path("special_tokens");
    for (JsonNode piece : processor.path("single")) {
      JsonNode token = piece.path("SpecialToken").path("id");
      if (token.isTextual() && !defined.has(token.textValue())) {
        return Optional.of(token.textValue());
      }
    }
    return Optional.empty();
  }
}
