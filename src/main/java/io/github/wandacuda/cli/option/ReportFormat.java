package io.github.wandacuda.cli.option;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Recognizes reports of this program by their beginning. */
public final class ReportFormat {
  /** The value of {@code format} in the JSON. */
  public static final String NAME = "wanda-cuda.report.v1";

  /** The generator that the HTML page names, see {@code report.html}. */
  private static final String GENERATOR = "<meta name=\"generator\" content=\"" + NAME + "\">";

  /** How many bytes of a file are read to recognize a report. */
  private static final int BEGINNING = 1024;

  private static final JsonFactory FACTORY = new JsonFactory();

  private ReportFormat() {}

  /** Returns whether a file begins as a report of this program does. */
  public static boolean isOne(Path file) {
    byte[] bytes;
    try (InputStream in = InputFile.stream(file)) {
      bytes = in.readNBytes(BEGINNING);
    } catch (IOException | InputException e) {
      return false;
    }
    String beginning = new String(bytes, StandardCharsets.UTF_8);
    return beginning.contains(GENERATOR) || isOurs(beginning);
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
