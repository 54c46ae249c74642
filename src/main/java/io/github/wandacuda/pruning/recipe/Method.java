package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.system.Labelled;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** How weights are scored. */
public enum Method implements Labelled {
  /** |W| times the input column's norm, within each output row (arXiv 2306.11695, section 3). */
  WANDA,
  /** |W|, within the whole matrix, as in Wanda's code (Han et al., arXiv 1506.02626, section 3). */
  MAGNITUDE,
  /**
   * |W| relative to its row and its column, times the root of the input norm (Zhang et al., "Plug
   * and Play: relative importance and activations", ICLR 2024).
   */
  RIA,
  /**
   * The variant of Wanda that prunes as much of each row as a share of the row's scores, which its
   * code offers beside the method of the paper.
   */
  WANDA_VARIANT,
  /** Prunes column by column and makes up for it in the columns to come (arXiv 2301.00774). */
  SPARSEGPT,
  /** Masks that come from a file. */
  MASKS;

  /** The methods that choose their masks themselves. */
  public static final Set<Method> WITHOUT_FILES =
      Collections.unmodifiableSet(EnumSet.complementOf(EnumSet.of(MASKS)));

  /**
   * Returns the method of a name.
   *
   * @throws io.github.wandacuda.error.UsageException for any other name
   */
  public static Method of(String label) {
    return Labelled.of(label, EnumSet.allOf(Method.class), MethodKey.METHOD.label());
  }
}
