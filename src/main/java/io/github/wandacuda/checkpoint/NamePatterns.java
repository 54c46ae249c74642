package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.system.RealCause;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Regular expressions for names. They may come from a file that was made to keep a program busy, so
 * their length and the time of a search are bounded: compiling takes time quadratic in the length,
 * and a search may take any time.
 */
public final class NamePatterns {
  private static final int LONGEST = 10_000;

  /** A sensible pattern is searched for in a million names within a second. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private NamePatterns() {}

  /**
   * Compiles an expression.
   *
   * @param text in Java's syntax, at most 10,000 characters
   * @throws PatternSyntaxException if it is malformed, too long or too deeply nested
   */
  public static Pattern compile(String text) {
    if (text.length() > LONGEST) {
      throw new PatternSyntaxException(
          "%d characters, more than %d".formatted(text.length(), LONGEST), "", -1);
    }
    try {
      return Pattern.compile(text);
    } catch (StackOverflowError e) {
      throw new PatternSyntaxException("it is too deep", "", -1);
    }
  }

  /**
   * Finds the first of some expressions that matches each name, from its start to its end.
   *
   * @param origin where the expressions come from, for messages
   * @param patterns in the order in which they are tried
   * @return from name to expression; names that none matches aren't in it
   * @throws UsageException if it takes longer than 5 seconds
   */
  public static Map<String, Pattern> firstMatches(
      ErrorDetails origin, Collection<Pattern> patterns, Collection<String> names) {
    return inTime(
        origin,
        search -> {
          Map<String, Pattern> found = new HashMap<>();
          for (String name : names) {
            patterns.stream()
                .filter(pattern -> search.matches(pattern, name))
                .findFirst()
                .ifPresent(pattern -> found.put(name, pattern));
          }
          return found;
        });
  }

  /**
   * Searches names for patterns, until {@link #inTime} gives it up: then the next character that it
   * reads throws a {@link CancelledException}.
   */
  public static final class Search {
    private volatile boolean givenUp;

    public Search() {}

    /** Returns whether a pattern is found anywhere in a name. */
    public boolean finds(Pattern pattern, String name) {
      return pattern.matcher(new Watched(name, this)).find();
    }

    /** Returns whether a pattern is found where a name begins. */
    public boolean begins(Pattern pattern, String name) {
      return pattern.matcher(new Watched(name, this)).lookingAt();
    }

    /** Returns whether a pattern matches a whole name. */
    public boolean matches(Pattern pattern, String name) {
      return pattern.matcher(new Watched(name, this)).matches();
    }
  }

  /** A name that checks at each character whether the search is given up. */
  private record Watched(String name, Search search) implements CharSequence {
    @Override
    public int length() {
      return name.length();
    }

    @Override
    public char charAt(int index) {
      if (search.givenUp) {
        throw new CancelledException();
      }
      return name.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return name.subSequence(start, end);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * Runs work that searches for patterns, but no longer than 5 seconds. Its thread is a daemon,
   * since a few expressions run on without reading a character and can't be stopped.
   *
   * @param origin where the patterns come from, for messages
   * @param work uses the search that it is given for every pattern, from a thread of its own
   * @return what the work returns
   * @throws UsageException if it takes longer, or a pattern needs more stack than there is
   * @throws CancelledException if the caller's thread is interrupted
   */
  public static <T> T inTime(ErrorDetails origin, Function<Search, T> work) {
    Search search = new Search();
    FutureTask<T> task = new FutureTask<>(() -> work.apply(search));
    Thread.ofPlatform().daemon().name("wanda-cuda-patterns").start(task);
    try {
      return task.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      search.givenUp = true;
      throw origin
          .hint("take fewer patterns, or repetitions out of repetitions")
          .refused(
              "patterns that are found or not within %d s".formatted(PATIENCE.toSeconds()),
              "none such",
              e);
    } catch (InterruptedException e) {
      search.givenUp = true;
      Thread.currentThread().interrupt();
      throw new CancelledException();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof StackOverflowError deep) {
        throw origin.refused(
            "patterns that need no more memory than there is",
            "one that repeats itself too often",
            deep);
      }
      RealCause.rethrow(e.getCause());
      throw new IllegalStateException(e);
    }
  }
}
