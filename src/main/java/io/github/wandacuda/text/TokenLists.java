package io.github.wandacuda.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Reads a {@code .json} file that is a list of lists of token ids.
 *
 * @param file for messages
 * @param parser stands before what is read next
 */
public record TokenLists(Path file, JsonParser parser) {
  private static final JsonFactory JSON = new JsonFactory();

  /**
   * Returns the first lists of a file. The lists after them are only checked to be JSON lists.
   *
   * @param limit the number of lists after which ids are no longer read
   * @return at most {@code limit} lists, any of them possibly empty, of ids that aren't negative
   * @throws InputException if the file can't be read, isn't such a list, or is too large for the
   *     heap
   */
  public static List<int[]> read(Path file, int limit) {
    return InputFile.reading(file, () -> lists(file, limit, false));
  }

  private static List<int[]> lists(Path file, int limit, boolean orOne) throws IOException {
    HeapBudget.require(ErrorDetails.file(file), InputFile.size(file), HeapBudget.OF_IDS);
    try (InputStream in = InputFile.stream(file);
        JsonParser parser = JSON.createParser(in)) {
      TokenLists lists = new TokenLists(file, parser);
      return lists.lists(limit, orOne);
    } catch (JsonProcessingException e) {
      throw JsonTree.notJson(ErrorDetails.file(file), e);
    }
  }

  /**
   * Returns whether a file is there and holds one list of token ids or more; of the others it
   * doesn't read the ids.
   */
  public static boolean areIn(Path file) {
    try {
      return !read(file, 1).isEmpty();
    } catch (InputException e) {
      return false;
    }
  }

  /**
   * Reads a file that may be a single list of token ids or a list of lists.
   *
   * @return at most two lists, so that the caller can tell a second one
   * @throws InputException as {@link #read} does
   */
  public static List<int[]> readOne(Path file) {
    return InputFile.reading(file, () -> lists(file, 2, true));
  }

  private List<int[]> lists(int limit, boolean orOne) throws IOException {
    if (parser.nextToken() != JsonToken.START_ARRAY) {
      throw unexpected("a list of lists of token ids");
    }
    JsonToken first = parser.nextToken();
    if (!orOne || first == JsonToken.START_ARRAY || first == JsonToken.END_ARRAY) {
      return rest(limit);
    }
    IntStream.Builder ids = IntStream.builder();
    do {
      ids.add(id(1));
    } while (parser.nextToken() != JsonToken.END_ARRAY);
    requireEnd();
    return List.of(ids.build().toArray());
  }

  /** Reads the lists, from the one on that the parser stands at. */
  private List<int[]> rest(int limit) throws IOException {
    List<int[]> lists = new ArrayList<>();
    for (int index = 1; parser.currentToken() != JsonToken.END_ARRAY; index++) {
      if (parser.currentToken() != JsonToken.START_ARRAY) {
        throw unexpected("a list of token ids as element " + index);
      }
      if (lists.size() < limit) {
        lists.add(ids(index));
      } else {
        parser.skipChildren();
      }
      parser.nextToken();
    }
    requireEnd();
    return lists;
  }

  private void requireEnd() throws IOException {
    if (parser.nextToken() != null) {
      throw unexpected("nothing after the list of lists");
    }
  }

  private int[] ids(int list) throws IOException {
    IntStream.Builder ids = IntStream.builder();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      ids.add(id(list));
    }
    return ids.build().toArray();
  }

  private int id(int list) throws IOException {
    boolean isInt =
        parser.currentToken() == JsonToken.VALUE_NUMBER_INT
            && parser.getNumberType() == JsonParser.NumberType.INT;
    if (!isInt || parser.getIntValue() < 0) {
      throw unexpected("token ids from 0 to " + Integer.MAX_VALUE + " in list " + list);
    }
    return parser.getIntValue();
  }

  private InputException unexpected(String expected) throws IOException {
    return ErrorDetails.file(file)
        .hint(
            "token ids are lists in a list, such as [[1, 2], [3, 4]]; text goes as .txt or .jsonl")
        .wrong(
            expected,
            "%s at line %d, column %d"
                .formatted(
                    JsonLines.found(parser.currentToken(), parser.getText()),
                    parser.currentTokenLocation().getLineNr(),
                    parser.currentTokenLocation().getColumnNr()));
  }

  /**
   * Checks that a model can go on with some ids: one or more, all of which it knows, and fewer than
   * it has positions.
   *
   * @param maximumLength how many positions the model has
   * @param vocabulary how many ids it has embeddings for, which start at 0
   * @param where what the ids come from, for messages
   * @throws InputException if it can't
   */
  public static void requirePrompt(
      int maximumLength, int vocabulary, int[] ids, ErrorDetails where) {
    if (ids.length == 0) {
      throw where.wrong("one token or more", "none");
    }
    if (ids.length >= maximumLength) {
      throw where.wrong(
          "fewer tokens than the %d positions that the model has".formatted(maximumLength),
          ids.length);
    }
    for (int id : ids) {
      if (id < 0) {
        throw where.wrong("token ids from 0 on", id);
      }
    }
    requireKnown(vocabulary, ids, where);
  }

  /**
   * Checks that a model knows all ids.
   *
   * @param vocabulary how many ids it has embeddings for, which start at 0
   * @param ids not negative
   * @param where the file that the ids come from, for messages
   * @throws InputException if one isn't below {@code vocabulary}
   */
  public static void requireKnown(int vocabulary, int[] ids, ErrorDetails where) {
    for (int id : ids) {
      if (id >= vocabulary) {
        throw new InputException(
            where
                .expected("an id below " + vocabulary, String.valueOf(id))
                .said(
                    "token id %d is outside the model's vocabulary of %d".formatted(id, vocabulary))
                .hint("take the tokenizer that the model was trained with"));
      }
    }
  }
}
