package io.github.wandacuda.pruning;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Finds the word that was meant by one that is slightly wrong. */
final class Suggestion {
  /** Letters that may be missing, too many or others. */
  private static final int MOST_WRONG = 2;

  private static final int LONGEST = 40;

  private Suggestion() {}

  /** Returns a hint that names the word that was meant, or null if it can't be told. */
  static String hint(String word, List<String> known) {
    if (word.length() > LONGEST) {
      return null;
    }
    String plain = word.toLowerCase(Locale.ROOT).replace('_', '-');
    return known.stream()
        .filter(other -> distance(plain, other) <= Math.min(MOST_WRONG, other.length() / 2))
        .min(Comparator.comparingInt(other -> distance(plain, other)))
        .map("did you mean '%s'?"::formatted)
        .orElse(null);
  }

  /** Returns how many letters have to be put in, taken out or replaced (Levenshtein). */
  private static int distance(String from, String to) {
    int[] last = new int[to.length() + 1];
    for (int j = 0; j <= to.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int[] next = new int[to.length() + 1];
      next[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int replaced = last[j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        next[j] = Math.min(replaced, 1 + Math.min(last[j], next[j - 1]));
      }
      last = next;
    }
    return last[to.length()];
  }
}
