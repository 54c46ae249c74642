package io.github.wandacuda.io.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Reads a {@code .json} file that is a list of lists of token ids. */
public final class TokenLists {
  private static final JsonFactory JSON = new JsonFactory();

  private final Path file;
  private final JsonParser parser;

  private TokenLists(Path file, JsonParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /**
   * Returns the first lists of a file. The lists after them are only checked to be JSON lists.
   *
   * @param limit the number of lists after which ids are no longer read
   * @return at most {@code limit} lists, any of them possibly empty, of ids that aren't negative
   * @throws InputException if the file cannot be read or isn't such a list
   */
  public static List<int[]> read(Path file, int limit) {
    try {
      HeapBudget.require(ErrorDetails.file(file), InputFile.size(file), HeapBudget.OF_IDS);
    } catch (IOException e) {
      throw InputFailures.unreadable(file, e);
    }
    try (InputStream in = InputFile.stream(file);
        JsonParser parser = JSON.createParser(in)) {
      return new TokenLists(file, parser).lists(limit);
    } catch (JsonProcessingException e) {
      throw InputFailures.notJson(ErrorDetails.file(file), e);
    } catch (IOException e) {
      throw InputFailures.unreadable(file, e);
    }
  }

  private List<int[]> lists(int limit) throws IOException {
    if (parser.nextToken() != JsonToken.START_ARRAY) {
      throw unexpected("a list of lists of token ids");
    }
    List<int[]> lists = new ArrayList<>();
    for (int index = 1; parser.nextToken() != JsonToken.END_ARRAY; index++) {
      if (parser.currentToken() != JsonToken.START_ARRAY) {
        throw unexpected("a list of token ids as element " + index);
      }
      if (lists.size() < limit) {
        lists.add(ids(index));
      } else {
        parser.skipChildren();
      }
    }
    if (parser.nextToken() != null) {
      throw unexpected("nothing after the list of lists");
    }
    return lists;
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
    return new InputException(
        ErrorDetails.file(file)
            .expected(
                expected,
                "%s at line %d, column %d"
                    .formatted(
                        InputFailures.found(parser),
                        parser.currentTokenLocation().getLineNr(),
                        parser.currentTokenLocation().getColumnNr()))
            .hint(
                "token ids are lists in a list, such as [[1, 2], [3, 4]]; text goes as .txt or .jsonl"));
  }
}
