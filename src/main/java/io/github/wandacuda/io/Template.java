package io.github.wandacuda.io;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads texts that lie beside a class, and fills their places for values, which are written {@code
 * ${name}}.
 */
public final class Template {
  private static final Pattern PLACE = Pattern.compile("\\$\\{(\\w+)}");

  private Template() {}

  /**
   * Returns a text with its places filled. What fills one is not looked through for places.
   *
   * @param beside the class that the text lies beside
   * @param name its file's
   * @param values by the names of the places, one for each
   */
  public static String filled(Class<?> beside, String name, Map<String, String> values) {
    return PLACE
        .matcher(text(beside, name))
        .replaceAll(place -> Matcher.quoteReplacement(values.get(place.group(1))));
  }

  /**
   * Returns a text as it is.
   *
   * @param beside the class that it lies beside
   * @param name its file's
   */
  public static String text(Class<?> beside, String name) {
    try (InputStream in = beside.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
