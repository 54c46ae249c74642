package io.github.wandacuda.adapter;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.NamePatterns;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What an adapter's config says of modules by their names: by PEFT's rule a key of {@code
 * rank_pattern} or {@code alpha_pattern} is a regular expression for a whole name or for its end
 * behind a dot, and the first key that matches counts.
 *
 * @param config the config
 */
record AdapterPatterns(AdapterConfig config) {

  /** Returns the rank of each module. */
  Map<String, Integer> ranks(Collection<String> names) {
    return values("rank_pattern", config.ranks(), config.rank(), names);
  }

  /** Returns the α of each module. */
  Map<String, Double> alphas(Collection<String> names) {
    return values("alpha_pattern", config.alphas(), config.alpha(), names);
  }

  /**
   * Checks that {@code target_modules} names every module.
   *
   * @throws InputException if it doesn't: PEFT would not load the module's tensors
   */
  void requireTargets(Collection<String> names) {
    Map<String, Pattern> found = Map.of();
    if (config.targetPattern() != null) {
      Pattern whole = compile("target_modules", config.targetPattern(), config.targetPattern());
      found = matches("target_modules", List.of(whole), names);
    }
    for (String name : names) {
      if (!found.containsKey(name) && !isListed(name)) {
        throw ErrorDetails.file(config.file())
            .part("target_modules")
            .wrong("the adapter's module " + Printable.of(name), "none that it matches");
      }
    }
  }

  private boolean isListed(String name) {
    return config.targetPattern() == null
        && (config.targets().isEmpty()
            || config.targets().stream()
                .anyMatch(target -> name.equals(target) || name.endsWith("." + target)));
  }

  private <T> Map<String, T> values(
      String key, Map<String, T> table, T otherwise, Collection<String> names) {
    Map<Pattern, T> valueOf = new LinkedHashMap<>();
    table.forEach(
        (text, value) -> valueOf.put(compile(key, "(?:.*\\.)?(?:" + text + ")", text), value));
    Map<String, Pattern> found = matches(key, valueOf.keySet(), names);
    Map<String, T> values = new HashMap<>();
    names.forEach(
        name ->
            values.put(name, found.containsKey(name) ? valueOf.get(found.get(name)) : otherwise));
    return values;
  }

  private Pattern compile(String key, String expression, String shown) {
    try {
      return NamePatterns.compile(expression);
    } catch (PatternSyntaxException e) {
      throw ErrorDetails.file(config.file())
          .part(key)
          .wrong("regular expressions", Printable.of(shortened(shown)), e);
    }
  }

  private static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }

  private Map<String, Pattern> matches(
      String key, Collection<Pattern> patterns, Collection<String> names) {
    if (patterns.isEmpty()) {
      return Map.of();
    }
    try {
      return NamePatterns.firstMatches(ErrorDetails.file(config.file()).part(key), patterns, names);
    } catch (UsageException e) {
      throw ErrorDetails.file(config.file())
          .part(key)
          .wrong("expressions that match or not in a few seconds", "none such", e);
    }
  }
}
