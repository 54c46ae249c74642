package io.github.wandacuda.testing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;

/** Words of commands. */
public final class Words {
  private Words() {}

  /**
   * Returns the words of a line, in which each {@code %s} stands for the next value, whatever
   * blanks it has, and then the values that are left; a list or an array is a word for each
   * element.
   */
  public static List<Object> of(String line, Object... values) {
    Iterator<Object> left = List.of(values).iterator();
    List<Object> words = new ArrayList<>();
    for (String word : line.split(" ")) {
      add(words, word.equals("%s") ? left.next() : word);
    }
    left.forEachRemaining(value -> add(words, value));
    return words;
  }

  private static void add(List<Object> words, Object value) {
    switch (value) {
      case Collection<?> several -> several.forEach(each -> add(words, each));
      case Object[] several -> Arrays.stream(several).forEach(each -> add(words, each));
      default -> words.add(value);
    }
  }

  /** Returns them as a program gets them. */
  public static String[] texts(Object... words) {
    List<Object> all = new ArrayList<>();
    add(all, words);
    return all.stream().map(Object::toString).toArray(String[]::new);
  }
}
