package io.github.wandacuda.cli;

import io.github.wandacuda.pruning.Suggestion;
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
        .filter(name -> Suggestion.distance(word, name) <= most || startsWith(name, word))
        .sorted(Comparator.comparingInt(name -> Suggestion.distance(word, name)))
        .limit(MOST)
        .toList();
  }

  /** Returns whether a word is the beginning of a name, as an abbreviated option is. */
  private static boolean startsWith(String name, String word) {
    return word.length() > 3 && name.startsWith(word);
  }
}
