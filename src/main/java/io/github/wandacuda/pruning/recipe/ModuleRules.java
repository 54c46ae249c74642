package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.system.Labelled;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What is done to a module: the values of its keys, with what holds where nothing is said.
 *
 * @param values by key, each of the type that the key names; of {@link MethodKey#SPARSITY} and
 *     {@link MethodKey#PATTERN} one
 */
public record ModuleRules(Map<MethodKey, Object> values) {
  /** Keeps a module as it is. */
  public static final ModuleRules NOTHING = of(Method.WANDA, new Sparsity.Ratio(0));

  /** Keys that have an effect with one method only. */
  static final Map<MethodKey, Method> ALONE = Map.of(MethodKey.SCOPE, Method.RIA);

  /** The keys whose values stand behind the method's name in {@link #label}, in that order. */
  private static final List<MethodKey> AFTER = List.of(MethodKey.REFINE, MethodKey.UPDATE);

  /** The updates that choose the mask again. */
  private static final Set<String> CHOOSE_AGAIN = Set.of("alps", "realign", "tune");

  /** The word for weights that keep their bits. */
  private static final String NO_UPDATE = "none";

  /** What scores are compared within, by {@link Method#RIA}. */
  public enum Scope implements Labelled {
    /** A row. */
    ROW,
    /** The whole matrix, as the authors of RIA do. */
    MATRIX
  }

  /**
   * Adds what holds where nothing is said, and checks that the values go together.
   *
   * @throws UsageException if they don't
   */
  public ModuleRules {
    Map<MethodKey, Object> all = new EnumMap<>(MethodKey.class);
    all.putAll(values);
    for (MethodKey key : MethodKey.values()) {
      if (key.otherwise() != null
          && !(key == MethodKey.SPARSITY && all.containsKey(MethodKey.PATTERN))) {
        all.putIfAbsent(key, key.otherwise());
      }
    }
    Object update = all.get(MethodKey.UPDATE);
    if (NO_UPDATE.equals(update)) {
      all.remove(MethodKey.UPDATE);
    }
    values = Collections.unmodifiableMap(all);
    Object method = all.get(MethodKey.METHOD);
    if (method == Method.WANDA_VARIANT && all.containsKey(MethodKey.PATTERN)) {
      throw new UsageException(
          "`method` wanda-variant: expected a sparsity, found the pattern "
              + all.get(MethodKey.PATTERN));
    }
    if (method == Method.MASKS && CHOOSE_AGAIN.contains(String.valueOf(update))) {
      throw new UsageException(
          "`update` %s: expected a method that chooses the mask, found masks".formatted(update));
    }
    if (method == Method.SPARSEGPT && all.containsKey(MethodKey.REFINE)) {
      throw new UsageException(
          "`refine` swaps: expected a method that keeps weights as they are, found sparsegpt");
    }
  }

  /**
   * Makes rules of what a user asks for, where nothing may be said that would have no effect.
   *
   * @throws UsageException if something would have none, or the values don't go together
   */
  public static ModuleRules asked(Map<MethodKey, Object> given) {
    if (given.get(MethodKey.METHOD) == Method.MASKS
        && (given.containsKey(MethodKey.SPARSITY) || given.containsKey(MethodKey.PATTERN))) {
      throw new UsageException(
          "`method` masks: the masks say how much goes, so it excludes `sparsity` and `pattern`");
    }
    if (given.containsKey(MethodKey.REFINE_SWAPS) && !given.containsKey(MethodKey.REFINE)) {
      throw new UsageException("`refine-swaps` says how many swaps of `refine` swaps");
    }
    return new ModuleRules(given);
  }

  /** Makes rules of a method with nothing after it. */
  public static ModuleRules of(Method method, Sparsity sparsity) {
    return new ModuleRules(Map.of(MethodKey.METHOD, method)).with(sparsity);
  }

  /**
   * Makes rules of a method and what follows it, as {@link #label} writes them.
   *
   * @param methods those that may be named
   * @param name what messages call the label by
   * @throws UsageException by that name if it is none
   */
  public static ModuleRules of(String label, Sparsity sparsity, Set<Method> methods, String name) {
    Map<MethodKey, Object> values = new EnumMap<>(MethodKey.class);
    String left = label;
    for (MethodKey key : AFTER.reversed()) {
      for (String word : key.words()) {
        if (left.endsWith("+" + word)) {
          left = left.substring(0, left.length() - word.length() - 1);
          values.put(key, word);
        }
      }
    }
    values.put(MethodKey.METHOD, Labelled.of(left, methods, name));
    values.put(key(sparsity), sparsity);
    return new ModuleRules(values);
  }

  /**
   * Makes the rules that {@link #written} wrote down.
   *
   * @throws UsageException if a method or an amount is missing, or the values contradict each other
   */
  public static ModuleRules read(Map<String, Object> written) {
    Object method = written.get(MethodKey.METHOD.recordKey());
    Object sparsity = written.get(MethodKey.SPARSITY.recordKey());
    Object pattern = written.get(MethodKey.PATTERN.recordKey());
    boolean bothOrNeither = (sparsity == null) == (pattern == null);
    if (method == null
        || (Method.MASKS.label().equals(method)
            ? sparsity != null || pattern != null
            : bothOrNeither)) {
      throw new UsageException(
          "expected a method and, unless that is masks, one of sparsity and pattern, found %s, %s, %s"
              .formatted(method, sparsity, pattern));
    }
    Map<MethodKey, Object> values = new EnumMap<>(MethodKey.class);
    for (MethodKey key : MethodKey.values()) {
      Object value = written.get(key.recordKey());
      if (value != null) {
        values.put(key, key.read(value.toString(), key.recordKey()));
      }
    }
    return new ModuleRules(values);
  }

  /**
   * Returns the values by their keys in {@code wanda-cuda.json}, without those that have no effect.
   */
  public Map<String, Object> written() {
    Map<String, Object> written = new LinkedHashMap<>();
    values.forEach(
        (key, value) -> {
          boolean masksSayIt = value instanceof Sparsity && method() == Method.MASKS;
          if (!masksSayIt && ALONE.getOrDefault(key, method()) == method()) {
            written.put(key.recordKey(), MethodKey.written(value));
          }
        });
    return written;
  }

  /** Returns how weights are scored. */
  public Method method() {
    return (Method) values.get(MethodKey.METHOD);
  }

  /** Returns what {@link Method#RIA} compares scores within. */
  public Scope scope() {
    return (Scope) values.get(MethodKey.SCOPE);
  }

  /** Returns how much goes; {@link Method#MASKS} takes no notice of it. */
  public Sparsity sparsity() {
    return (Sparsity) values.getOrDefault(MethodKey.PATTERN, values.get(MethodKey.SPARSITY));
  }

  /** Returns whether the mask is improved by swapping kept weights for pruned ones. */
  public boolean swaps() {
    return values.containsKey(MethodKey.REFINE);
  }

  /** Returns how many swaps a row may have, or nothing to go on until nothing improves. */
  public OptionalInt swapBudget() {
    return values.get(MethodKey.REFINE_SWAPS) instanceof Integer most
        ? OptionalInt.of(most)
        : OptionalInt.empty();
  }

  /** Returns whether the kept weights are fitted to the dense module's outputs in the end. */
  public boolean reconstruct() {
    return values.containsKey(MethodKey.UPDATE);
  }

  /** Returns whether the mask is chosen again by ALPS, before kept weights are fitted. */
  public boolean alps() {
    return CHOOSE_AGAIN.contains(String.valueOf(values.get(MethodKey.UPDATE)));
  }

  /** Returns whether output projections also make up for what is missing before their block. */
  public boolean realign() {
    return "realign".equals(values.get(MethodKey.UPDATE)) || tune();
  }

  /** Returns whether kept weights are then fitted by gradients inside their block. */
  public boolean tune() {
    return "tune".equals(values.get(MethodKey.UPDATE));
  }

  /** Returns the method with what follows it, as people write it: {@code wanda+swaps}. */
  public String label() {
    return Stream.concat(
            Stream.of(method().label()),
            AFTER.stream().filter(values::containsKey).map(key -> values.get(key).toString()))
        .collect(Collectors.joining("+"));
  }

  /** Returns how much goes, in words. */
  public String amount() {
    return method() == Method.MASKS ? "as the masks say" : sparsity().toString();
  }

  /** Returns the same rules without what follows the choice of the mask. */
  ModuleRules maskAlone() {
    Map<MethodKey, Object> others = new EnumMap<>(values);
    List.of(MethodKey.REFINE, MethodKey.REFINE_SWAPS, MethodKey.UPDATE).forEach(others::remove);
    return new ModuleRules(others);
  }

  /** Returns the same rules for another share or pattern. */
  public ModuleRules with(Sparsity other) {
    return with(key(other), other);
  }

  /**
   * Returns the same rules but for a key.
   *
   * @param value of the type that the key names
   * @throws UsageException if it doesn't go together with the others
   */
  public ModuleRules with(MethodKey key, Object value) {
    Map<MethodKey, Object> others = new EnumMap<>(values);
    if (value instanceof Sparsity) {
      others.remove(MethodKey.SPARSITY);
      others.remove(MethodKey.PATTERN);
    }
    others.put(key, value);
    return new ModuleRules(others);
  }

  /** Returns the key that an amount is the value of. */
  public static MethodKey key(Sparsity sparsity) {
    return sparsity instanceof Sparsity.Ratio ? MethodKey.SPARSITY : MethodKey.PATTERN;
  }

  /**
   * Returns the norms that weights are scored with, or null to score by magnitude alone.
   *
   * @param norms of the module's input columns, or null
   */
  public float[] scoringNorms(float[] norms) {
    return method() == Method.MAGNITUDE || Unreached.isUnreached(norms) ? null : norms;
  }

  /** Returns whether the share is 0, by which no method changes a weight. */
  boolean isNothing() {
    return method() != Method.MASKS
        && sparsity() instanceof Sparsity.Ratio ratio
        && ratio.fraction() == 0;
  }

  /**
   * Returns whether tiles can be pruned one by one: by Wanda or magnitude, and nothing after it.
   */
  public boolean isByTiles() {
    return (method() == Method.WANDA || method() == Method.MAGNITUDE) && !swaps() && !reconstruct();
  }

  /** Returns whether the second moments of the module's inputs are needed. */
  public boolean needsMoments() {
    return method() == Method.SPARSEGPT || swaps() || reconstruct();
  }

  /** Returns whether the norms of the module's input columns are needed. */
  public boolean needsNorms() {
    return needsMoments() || (method() != Method.MAGNITUDE && method() != Method.MASKS);
  }

  /** Returns whether kept weights change too. */
  public boolean updates() {
    return method() == Method.SPARSEGPT || reconstruct();
  }

  /** Returns whether weights go up to a threshold that depends on the whole matrix. */
  public boolean needsThreshold() {
    return method() == Method.MAGNITUDE && sparsity() instanceof Sparsity.Ratio;
  }

  /** Returns whether it is known how many weights each row or group loses. */
  public boolean countsRows() {
    if (alps()) {
      return sparsity() instanceof Sparsity.GroupPattern;
    }
    return switch (method()) {
      case MASKS -> false;
      case WANDA -> true;
      case RIA -> scope() == Scope.ROW || sparsity() instanceof Sparsity.GroupPattern;
      case MAGNITUDE, SPARSEGPT, WANDA_VARIANT -> sparsity() instanceof Sparsity.GroupPattern;
    };
  }

  /**
   * Returns whether the mask can be told from the written weights alone: what is zero is pruned. It
   * can't where each row loses a known number, of which the source's own zeros may be some.
   */
  public boolean zerosArePruned() {
    return updates() || !countsRows();
  }

  /**
   * Returns what goes of each row or group: at most that, and exactly that if {@link #countsRows}.
   *
   * @param columns elements in a row
   */
  public SelectionRule.Lowest perRow(int columns) {
    return countsRows()
        ? SelectionRule.of(sparsity(), columns)
        : new SelectionRule.LowestPerRow(columns);
  }

  /**
   * Returns how many zeros the matrix has at least, by a share of the whole; 0 where its rows are
   * counted, or nothing is known.
   *
   * @param columns elements in a row
   */
  public long leastZeros(long rows, int columns) {
    if (countsRows() || !(sparsity() instanceof Sparsity.Ratio ratio)) {
      return 0;
    }
    return switch (method()) {
      case MAGNITUDE -> ratio.of(rows * columns) + 1;
      // A module that nothing reached, or whose moments are no use, is pruned row by row.
      case RIA, SPARSEGPT, WANDA -> rows * ratio.of(columns);
      case WANDA_VARIANT, MASKS -> 0;
    };
  }
}
