package io.github.wandacuda.report;

import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page that needs no other file and no network. It can be read without its script, which sorts
 * tables; its policy lets a browser run that script alone.
 */
final class HtmlPage {
  private static final Pattern PLACE = Pattern.compile("\\$\\{(\\w+)}");

  private HtmlPage() {}

  /** Returns a page with a title in plain text, and HTML below it. */
  static String of(String title, String body) {
    String script = resource("sort.js");
    return filled(
        resource("page.html"),
        Map.of(
            "title",
            HtmlText.escaped(title),
            "body",
            body,
            "format",
            ReportFormat.NAME,
            "style",
            resource("page.css"),
            "script",
            script,
            "script_hash",
            "sha256-"
                + Base64.getEncoder()
                    .encodeToString(
                        Sha256.digest().digest(script.getBytes(StandardCharsets.UTF_8)))));
  }

  /** Fills the places of a template. What fills one is not looked through for places. */
  static String filled(String template, Map<String, String> values) {
    return PLACE
        .matcher(template)
        .replaceAll(place -> Matcher.quoteReplacement(values.get(place.group(1))));
  }

  /** Returns the text of a file beside this class. */
  static String resource(String name) {
    try (InputStream in = HtmlPage.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
