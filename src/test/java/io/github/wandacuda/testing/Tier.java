package io.github.wandacuda.testing;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * How much this run of the tests is for: the product alone, or with the profile {@code all} all.
 */
public final class Tier {
  private static final boolean ALL = Boolean.getBoolean("tests.all");

  /**
   * What chance picks follows from this number, which a run prints and {@code -Dtests.seed} sets.
   */
  private static final long SEED = seed();

  private Tier() {}

  private static long seed() {
    String given = System.getProperty("tests.seed", "");
    long seed = given.isEmpty() ? System.currentTimeMillis() : Long.parseLong(given);
    if (ALL || !isEach()) {
      System.out.println("What chance picks can be picked again by -Dtests.seed=" + seed);
    }
    return seed;
  }

  /** Returns whether every configuration is tested, not one of each kind. */
  public static boolean isAll() {
    return ALL;
  }

  /** Returns whether each case is tried, and a fault at each place, or some that chance picks. */
  public static boolean isEach() {
    return Boolean.parseBoolean(System.getProperty("tests.each", "true"));
  }

  /**
   * Returns all cases, or a few that chance picks where not each is tried: the same ones for the
   * same seed, whatever was picked before.
   */
  public static <T> List<T> picked(int few, List<T> all) {
    if (isEach()) {
      return all;
    }
    List<T> cases = new ArrayList<>(all);
    Collections.shuffle(cases, new Random(SEED + all.size()));
    return cases.subList(0, few);
  }

  /**
   * Returns the seed of tests that make their cases by chance: what the property says, else with
   * the profile {@code all} this run's, else the same one in each run.
   */
  public static long seed(String property, long same) {
    return Long.getLong(property, ALL ? SEED : same);
  }

  /** Returns all cases, or the first few of them. */
  public static <T> List<T> cases(List<T> all, int few) {
    return ALL ? all : all.subList(0, Math.min(few, all.size()));
  }
}
