package io.github.wandacuda.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The numbers of a page's tables and tiles, and those of a JSON object as a page would show them.
 */
final class TwinNumbers {
  private static final Pattern CELL =
      Pattern.compile("<(td|dd)[^>]*>(?:<code>)?(.*?)</", Pattern.DOTALL);
  private static final Pattern NUMBER = Pattern.compile("\\d[\\d,]*(?:\\.\\d+)?(?:e[+-]\\d+)?");
  private static final List<String> FORMATS =
      List.of("%.6g", "%.4g", "%.2f", "%.1f", "%.4f", "%.0f");

  private TwinNumbers() {}

  /** Returns the numbers that a page's cells show. */
  static List<String> shown(String page) {
    return CELL.matcher(page)
        .results()
        .filter(cell -> !cell.group().contains("<code>"))
        .flatMap(cell -> NUMBER.matcher(cell.group(2)).results())
        .map(number -> number.group().replace(",", ""))
        .toList();
  }

  /** Returns all ways in which a page may show a number of an object. */
  static Set<String> of(JsonNode object) {
    Set<String> texts = new HashSet<>();
    add(object, texts);
    return texts;
  }

  private static void add(JsonNode node, Set<String> texts) {
    if (node.isNumber()) {
      double value = node.asDouble();
      Stream.of(value, 100 * value)
          .forEach(
              number -> FORMATS.forEach(format -> texts.add(format.formatted((double) number))));
    } else if (node.isTextual()) {
      // An amount, such as 50 % or 2:4.
      Matcher number = NUMBER.matcher(node.asText());
      while (number.find()) {
        texts.add(number.group());
      }
    } else if (node.isArray()) {
      // Lists are counted in a page.
      texts.add(String.valueOf(node.size()));
    }
    node.forEach(child -> add(child, texts));
  }
}
