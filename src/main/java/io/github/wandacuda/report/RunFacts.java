package io.github.wandacuda.report;

import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a report says about a run beside its results.
 *
 * @param model the directory of the source
 * @param version of this program
 * @param backend that did the work
 * @param device that it ran on
 * @param precision of linear layers
 * @param ended when the work was done
 * @param command the words of the command line, as they were given
 * @param inputs what the results depend on, by the names that the JSON has
 */
public record RunFacts(
    Path model,
    String version,
    String backend,
    String device,
    String precision,
    Instant ended,
    List<String> command,
    Map<String, Object> inputs) {
  private static final Pattern PLAIN_WORD = Pattern.compile("[\\w@%+=:,./-]+");

  /** Copies the collections, and cuts the time to whole seconds. */
  public RunFacts {
    ended = ended.truncatedTo(ChronoUnit.SECONDS);
    command = List.copyOf(command);
    inputs = new LinkedHashMap<>(inputs);
  }

  /** Returns a sentence that names all of these but the command and the inputs. */
  String html() {
    return "From <code>%s</code>, by wanda-cuda %s on %s (%s), precision %s, done %s."
        .formatted(
            HtmlText.escaped(model.toString()),
            HtmlText.escaped(version),
            HtmlText.escaped(backend),
            HtmlText.escaped(device),
            HtmlText.escaped(precision),
            HtmlText.escaped(ended.toString().replace('T', ' ').replace("Z", " UTC")));
  }

  /** Returns a section with the command line and a table of the inputs. */
  String origin() {
    StringBuilder html = new StringBuilder("<h2>How it was made</h2>\n<pre>wanda-cuda ");
    html.append(
            command.stream()
                .map(RunFacts::quoted)
                .map(HtmlText::escaped)
                .collect(Collectors.joining(" ")))
        .append("</pre>\n<div class=\"scroll\"><table class=\"origin\"><tbody>\n");
    inputs.forEach((name, value) -> row(html, name, value));
    return html.append("</tbody></table></div>").toString();
  }

  /** Adds rows for a value: one, or one for each value of an object. */
  private static void row(StringBuilder html, String name, Object value) {
    if (value instanceof Map<?, ?> object) {
      object.forEach((key, part) -> row(html, name + " " + key, part));
      return;
    }
    if (value instanceof List<?> list && list.stream().anyMatch(Map.class::isInstance)) {
      for (int index = 0; index < list.size(); index++) {
        row(html, "%s %d".formatted(name, index + 1), list.get(index));
      }
      return;
    }
    if (List.of().equals(value)) {
      return;
    }
    String text =
        value instanceof List<?> list
            ? list.stream().map(String::valueOf).collect(Collectors.joining(", "))
            : String.valueOf(value);
    html.append(
        "<tr><th scope=\"row\">%s</th><td><code>%s</code></td></tr>\n"
            .formatted(HtmlText.escaped(name.replace('_', ' ')), HtmlText.escaped(text)));
  }

  /** Returns a word quoted for a POSIX shell. */
  private static String quoted(String word) {
    return PLAIN_WORD.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
