package io.github.wandacuda.bench.compare;

/** The part of a text between two comments of Markdown, which a program may write anew. */
final class MarkedSection {
  private final String start;
  private final String end;

  MarkedSection(String name) {
    start = "<!-- " + name + ": start -->\n";
    end = "<!-- " + name + ": end -->\n";
  }

  /**
   * Returns a text with another content between the comments.
   *
   * @throws IllegalArgumentException if it doesn't have both, in their order
   */
  String replace(String text, String content) {
    int from = text.indexOf(start);
    int to = text.indexOf(end);
    if (from < 0 || to < from) {
      throw new IllegalArgumentException("no %s … %s".formatted(start.strip(), end.strip()));
    }
    return text.substring(0, from + start.length()) + content + text.substring(to);
  }
}
