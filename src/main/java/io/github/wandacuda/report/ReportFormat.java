package io.github.wandacuda.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What all reports share: the endings of their names, and the beginning by which they are
 * recognized.
 */
public final class ReportFormat {
  /** The value of {@code format} in the JSON. */
  public static final String NAME = "wanda-cuda.report.v1";

  /** The element by which an HTML page says what made it, as in {@code page.html}. */
  private static final String GENERATOR = "<meta name=\"generator\" content=\"" + NAME + "\">";

  /** How many bytes of a file are read to recognize a report. */
  private static final int BEGINNING = 1024;

  private static final JsonFactory FACTORY = new JsonFactory();

  private ReportFormat() {}

  /**
   * Checks that a report's name ends in {@code .json} or {@code .html}.
   *
   * @throws io.github.wandacuda.error.UsageException if it doesn't
   */
  public static void requireName(Path file) {
    if (!isHtml(file) && !file.toString().endsWith(".json")) {
      throw ErrorDetails.of("`report`")
          .refused("a name that ends in .json or .html", "'%s'".formatted(Printable.of(file)));
    }
  }

  private static boolean isHtml(Path file) {
    return file.toString().endsWith(".html");
  }

  /**
   * Returns a report as its file's name asks for: as a page, or as the JSON of facts and numbers.
   *
   * @param page makes the page
   * @param numbers makes the numbers, by their keys
   */
  static AtomicWrite.Content content(
      Path file, RunFacts facts, Supplier<String> page, Supplier<Map<String, Object>> numbers) {
    String text = isHtml(file) ? page.get() : json(facts, numbers.get());
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return out -> out.write(bytes);
  }

  private static String json(RunFacts facts, Map<String, Object> numbers) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", NAME);
    object.putAll(JsonText.map(facts));
    object.putAll(numbers);
    return JsonText.of(object);
  }

  /** Returns whether a file begins as a report of this program does; false if it can't be read. */
  public static boolean isOne(Path file) {
    try {
      String beginning = InputFile.beginning(file, BEGINNING);
      return beginning.contains(GENERATOR) || isOurs(beginning);
    } catch (InputException e) {
      return false;
    }
  }

  /** Returns whether a JSON object's first entry is our format. */
  private static boolean isOurs(String beginning) {
    try (JsonParser json = FACTORY.createParser(beginning)) {
      return json.nextToken() == JsonToken.START_OBJECT
          && "format".equals(json.nextFieldName())
          && NAME.equals(json.nextTextValue());
    } catch (IOException e) {
      return false;
    }
  }
}
