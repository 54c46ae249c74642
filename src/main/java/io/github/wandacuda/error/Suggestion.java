package io.github.wandacuda.error;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Finds the word that was meant by one that is slightly wrong. */
public final class Suggestion {
  /** Letters that may be missing, too many or others. */
  private static final int MOST_WRONG = 2;

  private static final int LONGEST = 40;

  private static final int MOST_NAMES = 3;

  private Suggestion() {}

  /**
   * Finds the known word that is nearest to a mistyped one. Two letters may be wrong at most, or
   * half of a short word's.
   *
   * @param word as it was typed; capitals and underscores don't count
   * @param known the words that may have been meant, in small letters with hyphens
   * @return "did you mean 'word'?", or null if no word is near enough
   */
  public static String hint(String word, List<String> known) {
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

  /**
   * Finds names that resemble a mistyped one.
   *
   * @param word as it was typed
   * @return at most three names, the nearest first: those that differ in a third of the word's
   *     letters at most, or that begin with the word
   */
  public static List<String> nearest(String word, Collection<String> names) {
    int most = Math.max(1, word.replace("-", "").length() / 3);
    return names.stream()
        .filter(name -> distance(word, name) <= most || startsWith(name, word))
        .sorted(Comparator.comparingInt(name -> distance(word, name)))
        .limit(MOST_NAMES)
        .toList();
  }

  /** Returns whether a word is the beginning of a name, as an abbreviated option is. */
  private static boolean startsWith(String name, String word) {
    return word.length() > 3 && name.startsWith(word);
  }

  /**
   * Returns the edit distance of two words: how many letters have to be inserted, deleted, replaced
   * or swapped with the next one.
   */
  public static int distance(String from, String to) {
    int[][] steps = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        steps[i][j] = i == 0 || j == 0 ? i + j : fewest(steps, from, to, i, j);
      }
    }
    return steps[from.length()][to.length()];
  }

  /**
   * Returns a cell of the table of distances, from the cells above and left of it (Damerau and
   * Levenshtein, optimal string alignment).
   */
  private static int fewest(int[][] steps, String from, String to, int i, int j) {
    int changed = steps[i - 1][j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
    int least = Math.min(changed, 1 + Math.min(steps[i - 1][j], steps[i][j - 1]));
    boolean swapped =
        i > 1
            && j > 1
            && from.charAt(i - 1) == to.charAt(j - 2)
            && from.charAt(i - 2) == to.charAt(j - 1);
    return swapped ? Math.min(least, steps[i - 2][j - 2] + 1) : least;
  }
}
