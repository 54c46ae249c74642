package io.github.wandacuda.evaluate;

import java.util.Locale;

/**
 * Strings as Python treats them, in which tasks were defined: its white space differs from Java's,
 * and its strings count characters where Java's count UTF-16 units.
 */
final class PythonText {
  private static final String OTHER_SPACES = "\t\n\u000b\f\r\u001c\u001d\u001e\u001f\u0085";

  private PythonText() {}

  /** Returns the number of characters: {@code len}. */
  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** Returns the text without white space at both ends: {@code str.strip}. */
  static String strip(String text) {
    return stripLeading(text.substring(0, endWithoutSpace(text)));
  }

  /** Returns the text without white space before it: {@code str.lstrip}. */
  static String stripLeading(String text) {
    int start = 0;
    while (start < text.length() && isSpace(text.charAt(start))) {
      start++;
    }
    return text.substring(start);
  }

  /**
   * Returns where the white space at the text's end begins, in UTF-16 units: the length of {@code
   * str.rstrip()}.
   */
  public static int endWithoutSpace(String text) {
    int end = text.length();
    while (end > 0 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return end;
  }

  /** All white space lies in the basic plane. */
  private static boolean isSpace(char unit) {
    return OTHER_SPACES.indexOf(unit) >= 0 || Character.isSpaceChar(unit);
  }

  /** Returns the first character in title case, others in lower case: {@code str.capitalize}. */
  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    String first = text.substring(0, text.offsetByCodePoints(0, 1));
    // As a whole, since a sigma's lower case depends on what is before and behind it.
    String lower = text.toLowerCase(Locale.ROOT);
    return title(first) + lower.substring(first.toLowerCase(Locale.ROOT).length());
  }

  private static String title(String character) {
    int code = character.codePointAt(0);
    String upper = character.toUpperCase(Locale.ROOT);
    if (Character.toTitleCase(code) != code || PythonText.length(upper) == 1) {
      return Character.toString(Character.toTitleCase(code));
    }
    int second = upper.offsetByCodePoints(0, 1);
    return upper.substring(0, second) + upper.substring(second).toLowerCase(Locale.ROOT);
  }
}
