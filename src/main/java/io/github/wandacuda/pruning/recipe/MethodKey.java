package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.ModuleRules.Scope;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * What can be said of how a module is pruned. The command line's options, a recipe's keys and the
 * keys of {@code wanda-cuda.json} are made of this table, in its order.
 */
public enum MethodKey {
  /** How weights are scored: a {@link Method}. */
  METHOD(
      "NAME",
      Arrays.stream(Method.values()).map(Method::label).toList(),
      String.class,
      Method::of,
      Method.WANDA,
      "wanda, magnitude, ria, wanda-variant, sparsegpt or masks (default of prune: wanda)."),
  /** What {@link Method#RIA} ranks: a {@link Scope}. */
  SCOPE(
      "NAME",
      Arrays.stream(Scope.values()).map(Scope::label).toList(),
      String.class,
      word -> Scope.valueOf(word.toUpperCase(Locale.ROOT)),
      Scope.MATRIX,
      "What ria ranks: row, or the whole matrix (default: matrix)."),
  /** The share that goes: a {@link Sparsity.Ratio}. */
  SPARSITY(
      "R",
      List.of(),
      Double.class,
      SparsityParser::ratio,
      new Sparsity.Ratio(0.5),
      "Fraction of each output row that is pruned, 0 <= R < 1 (default of prune: 0.5)."),
  /** What goes of each group, in the place of a share: a {@link Sparsity.GroupPattern}. */
  PATTERN(
      "N:M",
      List.of(),
      String.class,
      SparsityParser::pattern,
      null,
      "Prune N of every M consecutive input columns; excludes `sparsity`."),
  /** How the mask is improved: a text. */
  REFINE(
      "NAME",
      List.of("swaps"),
      String.class,
      word -> word,
      null,
      "swaps: improve the mask by swapping kept weights for pruned ones; kept weights keep their"
          + " bits."),
  /** Swaps in a row at most: an {@link Integer}. */
  REFINE_SWAPS(
      "N",
      List.of(),
      Integer.class,
      MethodKey::count,
      null,
      "Swaps in a row at most (default: until nothing improves)."),
  /** How kept weights are changed: a text. */
  UPDATE(
      "NAME",
      List.of("reconstruct", "alps", "realign", "tune", "none"),
      String.class,
      word -> word,
      null,
      "reconstruct: fit the kept weights to the dense module's outputs; alps: choose the mask again"
          + " by ALPS, then fit; realign: the same, where output projections also make up for what"
          + " went wrong in earlier blocks; tune: the same, then all kept weights of each block's"
          + " attention and MLP, by gradients. After `structure` without alps, but realign (its default"
          + " from 64 samples on where it can be) or none.");

  private final String recordKey = name().toLowerCase(Locale.ROOT);
  private final String label = recordKey.replace('_', '-');
  private final String placeholder;
  private final List<String> words;
  private final Class<?> type;
  private final Function<String, Object> reader;
  private final Object otherwise;
  private final String help;

  MethodKey(
      String placeholder,
      List<String> words,
      Class<?> type,
      Function<String, Object> reader,
      Object otherwise,
      String help) {
    this.placeholder = placeholder;
    this.words = words;
    this.type = type;
    this.reader = reader;
    this.otherwise = otherwise;
    this.help = help;
  }

  /** Returns the key in a recipe, and the option without its dashes. */
  public String label() {
    return label;
  }

  /** Returns the key in {@code wanda-cuda.json}. */
  public String recordKey() {
    return recordKey;
  }

  /** Returns what stands for the value in the help. */
  public String placeholder() {
    return placeholder;
  }

  /** Returns what help says, with the names of other keys in backquotes. */
  public String help() {
    return help;
  }

  /** Returns the words that may be said, or none where values aren't words. */
  public List<String> words() {
    return words;
  }

  /**
   * Returns the type that values have in files: {@link String}, {@link Double} or {@link Integer}.
   */
  public Class<?> type() {
    return type;
  }

  /** Returns what holds where nothing is said, or null. */
  public Object otherwise() {
    return otherwise;
  }

  /**
   * Reads a value.
   *
   * @param text as the user wrote it
   * @param name what messages call it by, as the user knows it
   * @return of the type that the key names
   * @throws UsageException by that name if it is none
   */
  public Object read(String text, String name) {
    try {
      if (!words.isEmpty() && !words.contains(text)) {
        String expected = String.join(words.size() == 2 ? " or " : ", ", words);
        throw ErrorDetails.NOWHERE
            .hint(PublishedNames.hint(text, words))
            .refused(
                (words.size() > 2 ? "one of " : "") + expected,
                "'%s'".formatted(Printable.of(text)));
      }
      return reader.apply(text);
    } catch (UsageException e) {
      throw new UsageException(e.details().part(name), e);
    }
  }

  private static Object count(String text) {
    int count = Integer.parseInt(text);
    if (count < 0) {
      throw ErrorDetails.NOWHERE.refused("0 or more", text);
    }
    return count;
  }

  /** Returns a value as files have it. */
  static Object written(Object value) {
    return switch (value) {
      case Method method -> method.label();
      case Scope scope -> scope.label();
      case Sparsity.Ratio ratio -> ratio.fraction();
      case Sparsity.GroupPattern pattern -> pattern.toString();
      default -> value;
    };
  }
}
