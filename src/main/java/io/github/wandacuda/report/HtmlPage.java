package io.github.wandacuda.report;

import io.github.wandacuda.io.Template;
import io.github.wandacuda.system.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;

/**
 * A page that needs no other file and no network. It can be read without its script, which sorts
 * tables; its policy lets a browser run that script alone.
 */
final class HtmlPage {
  private HtmlPage() {}

  /** Returns a page with a title in plain text, and HTML below it. */
  static String of(String title, String body) {
    String script = resource("sort.js");
    return filled(
        "page.html",
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

  /** Returns a part of a page, of a file beside this class. */
  static String filled(String name, Map<String, String> values) {
    return Template.filled(HtmlPage.class, name, values);
  }

  static String resource(String name) {
    return Template.text(HtmlPage.class, name);
  }
}
