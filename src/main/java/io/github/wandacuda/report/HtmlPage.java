package io.github.wandacuda.report;

import io.github.wandacuda.io.Template;
import io.github.wandacuda.system.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;

/**
 * Makes pages that need no other file and no network. A page can be read without its script, which
 * only sorts tables; its content security policy lets a browser run that script alone.
 */
final class HtmlPage {
  private HtmlPage() {}

  /**
   * Returns a page.
   *
   * @param title in plain text, escaped here
   * @param body HTML, below the title
   */
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

  /**
   * Returns a part of a page, from a template beside this class.
   *
   * @param name the template's file name
   * @param values replace the template's places by their names; they are HTML
   */
  static String filled(String name, Map<String, String> values) {
    return Template.filled(HtmlPage.class, name, values);
  }

  /** Returns the text of a file beside this class. */
  static String resource(String name) {
    return Template.text(HtmlPage.class, name);
  }
}
