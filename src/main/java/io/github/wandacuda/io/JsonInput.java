package io.github.wandacuda.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads JSON as a stream of tokens from a file that nobody vouches for: strict UTF-8, bounds on
 * nesting, numbers and strings, and errors that name the file. Names have Jackson's own bound of
 * 50,000 characters: it can't be set before 2.16, and programs that embed this library may bring
 * 2.15, which has none. Readers bound the length of a document themselves.
 */
public final class JsonInput {
  /**
   * The longest header that the safetensors format allows, in bytes; also the bound for an index.
   */
  public static final int LONGEST = 100_000_000;

  /**
   * The longest string, in characters; it takes up to four times its length in memory while it is
   * read.
   */
  private static final int LONGEST_STRING = 1 << 24;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxNumberLength(100)
                  .maxStringLength(LONGEST_STRING)
                  .build())
          // A symbol table gains nothing from names that occur once, and it takes the many similar
          // names of a mixture of experts for an attack.
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private JsonInput() {}

  /** Reads one JSON document. */
  @FunctionalInterface
  public interface Reading<T> {
    /**
     * Reads a document up to its last token.
     *
     * @param json stands before the first token
     * @throws IOException if it can't be read or isn't JSON
     */
    T from(JsonParser json) throws IOException;
  }

  /**
   * Reads a document from a stream, which it closes, and checks that nothing but white space
   * follows.
   *
   * @param file for messages
   * @param part what the document is, in messages
   * @param stream UTF-8
   * @return what {@code reading} returns
   * @throws InputException if it isn't JSON in UTF-8, or {@code reading} finds it wrong
   */
  public static <T> T read(Path file, String part, InputStream stream, Reading<T> reading) {
    try (Reader reader = strict(stream);
        JsonParser json = FACTORY.createParser(reader)) {
      T result = reading.from(json);
      if (json.nextToken() != null) {
        throw ErrorDetails.part(file, part).wrong("nothing after the JSON object", found(json));
      }
      return result;
    } catch (StreamConstraintsException e) {
      String found = e.getOriginalMessage().replaceAll(", from `.*`", "");
      throw ErrorDetails.part(file, part).wrong("JSON within bounds", Printable.of(found));
    } catch (JsonProcessingException e) {
      throw ErrorDetails.part(file, part)
          .hint("mend the file, or copy or download it again")
          .wrong("JSON", Printable.of(e.getOriginalMessage()));
    } catch (CharacterCodingException e) {
      throw ErrorDetails.part(file, part).wrong("UTF-8", "other bytes");
    } catch (IOException e) {
      throw InputException.unreadable(file, "JSON", e);
    }
  }

  /**
   * Refuses any other current token than the one that is expected.
   *
   * @param place what the message names: the file, perhaps a part of it
   * @param expected the token in words
   * @throws io.github.wandacuda.error.InputException if it is another one
   */
  public static void require(JsonParser json, JsonToken token, ErrorDetails place, String expected)
      throws IOException {
    if (json.currentToken() != token) {
      throw place.wrong(expected, found(json));
    }
  }

  /** Returns the current token in words. */
  public static String found(JsonParser json) throws IOException {
    JsonToken token = json.currentToken();
    if (token == null) {
      return "its end";
    }
    String text = Printable.of(json.getText());
    return token == JsonToken.VALUE_STRING ? "string \"" + text + "\"" : text;
  }

  /**
   * Returns a reader of UTF-8 that throws a {@link CharacterCodingException} where there is none.
   */
  static Reader strict(InputStream stream) {
    return new InputStreamReader(
        stream,
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT));
  }
}
