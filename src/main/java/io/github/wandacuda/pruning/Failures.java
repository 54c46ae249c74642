package io.github.wandacuda.pruning;

import java.util.ArrayList;
import java.util.List;

/**
 * What a verification found wrong: the first failures in words, the rest counted. Safe for several
 * threads.
 */
final class Failures {
  private static final int KEPT = 100;

  private final List<String> kept = new ArrayList<>();
  private long count;

  synchronized void add(String failure) {
    if (kept.size() < KEPT) {
      kept.add(failure);
    }
    count++;
  }

  /**
   * Returns whether there are so many that further ones are only counted: words for each element of
   * a matrix that is wrong all over would take hours.
   */
  synchronized boolean areMany() {
    return count >= KEPT;
  }

  synchronized boolean isEmpty() {
    return count == 0;
  }

  synchronized String first() {
    return kept.get(0);
  }

  synchronized List<String> list() {
    List<String> list = new ArrayList<>(kept);
    if (count > kept.size()) {
      list.add("and %d more".formatted(count - kept.size()));
    }
    return list;
  }
}
