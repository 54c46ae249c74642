package io.github.wandacuda.report;

import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a report says of the run beside its results.
 *
 * @param model the directory of the source
 * @param version of this program
 * @param backend that did the work
 * @param device that it ran on
 * @param precision of linear layers
 * @param ended when the work was done
 */
public record RunFacts(
    Path model, String version, String backend, String device, String precision, Instant ended) {
  /** Cuts the time to whole seconds. */
  public RunFacts {
    ended = ended.truncatedTo(ChronoUnit.SECONDS);
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", model.toString());
    object.put("version", version);
    object.put("backend", backend);
    object.put("device", device);
    object.put("precision", precision);
    object.put("ended", ended.toString());
    return object;
  }

  /** Returns a sentence of it all. */
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
}
