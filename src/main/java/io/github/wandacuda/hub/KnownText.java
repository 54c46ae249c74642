package io.github.wandacuda.hub;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Published texts that everyone calibrates and measures on, by short names. */
public enum KnownText implements Labelled {
  /** Of which the code of Wanda draws its samples: the first shard of C4 (Raffel et al., 2020). */
  C4("allenai/c4", "en/c4-train.00000-of-01024.json.gz", "ODC-BY 1.0 and Common Crawl's terms"),
  /** WikiText-2's test set (Merity et al., 2016), whose perplexity papers report. */
  WIKITEXT2(
      "Salesforce/wikitext",
      "wikitext-2-raw-v1/test-00000-of-00001.parquet",
      "CC BY-SA 3.0 and GFDL");

  final String dataset;
  final String file;
  private final String licence;

  KnownText(String dataset, String file, String licence) {
    this.dataset = dataset;
    this.file = file;
    this.licence = licence;
  }

  /** Returns the terms under which its publishers give it. */
  public String licence() {
    return licence;
  }

  public static Optional<KnownText> of(String word) {
    return Arrays.stream(values()).filter(text -> text.label().equals(word)).findFirst();
  }

  static String words() {
    return Arrays.stream(values()).map(text -> " or " + text.label()).collect(Collectors.joining());
  }

  /** Returns the file that a user names, or that of one of these texts, which must be cached. */
  public static Path find(String given, Map<String, String> environment) {
    Path path = Path.of(given);
    Optional<KnownText> text = of(given);
    if (text.isEmpty() || Files.exists(path)) {
      return path;
    }
    HubCache cache = HubCache.of(environment);
    return cache
        .snapshot(true, text.get().dataset)
        .map(snapshot -> snapshot.resolve(text.get().file))
        .filter(Files::exists)
        .orElseThrow(
            () ->
                ErrorDetails.of(given)
                    .hint("run 'wanda-cuda download %s' first".formatted(given))
                    .wrong("a file, or this text in the cache " + cache.root(), "neither"));
  }
}
