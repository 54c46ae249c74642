package io.github.wandacuda.cli;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Guesses which name was meant by an unknown word. */
final class Suggestions {
  private static final int MOST = 3;

  private Suggestions() {}

  /** Returns the names that differ from a word in a third of its letters at most, nearest first. */
  public static List<String> of(String word, Collection<String> names) {
    int most = Math.max(1, word.replace("-", "").length() / 3);
    return names.stream()
        .filter(name -> distance(word, name) <= most || startsWith(name, word))
        .sorted(Comparator.comparingInt(name -> distance(word, name)))
        .limit(MOST)
        .toList();
  }

  /** Returns whether a word is the beginning of a name, as an abbreviated option is. */
  private static boolean startsWith(String name, String word) {
    return word.length() > 3 && name.startsWith(word);
  }

  /**
   * Returns the edit distance: how many letters must be inserted, deleted, replaced or swapped with
   * the next.
   */
  private static int distance(String from, String to) {
    int[][] steps = new int[from.length() + 1][to.length() + 1];
    for (int i = 0; i <= from.length(); i++) {
      for (int j = 0; j <= to.length(); j++) {
        steps[i][j] = i == 0 || j == 0 ? i + j : fewest(steps, from, to, i, j);
      }
    }
    return steps[from.length()][to.length()];
  }

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
