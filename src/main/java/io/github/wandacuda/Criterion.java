package io.github.wandacuda;

import java.util.Objects;

/** How weights are scored. The ones with the lowest scores are pruned. */
public sealed interface Criterion {
  /**
   * {@return Wanda's criterion: a weight's score is |W| times the norm of its input column, the
   * product rounded to float32, compared within each row or group (arXiv 2306.11695, section 3)}
   *
   * @param norms the l2 norm of each input column's activations, one for each column of the
   *     matrices to prune, in any unit that all columns share; copied
   * @throws IllegalArgumentException if a norm is negative, infinite or NaN; the message names its
   *     column
   * @throws NullPointerException if {@code norms} is null
   */
  static Criterion wanda(float[] norms) {
    return new Wanda(norms);
  }

  /**
   * {@return the magnitude |W|, compared within the whole matrix where a fraction is pruned (Han et
   * al., arXiv 1506.02626, section 3; as the code of Wanda does it), within each group for a
   * pattern}
   */
  static Criterion magnitude() {
    return Magnitude.ONLY;
  }

  /** |W| times the norm of the input column. */
  final class Wanda implements Criterion {
    private final float[] norms;
    private final boolean allZero;

    private Wanda(float[] norms) {
      this.norms = Objects.requireNonNull(norms, "norms").clone();
      boolean zero = norms.length > 0;
      for (int column = 0; column < this.norms.length; column++) {
        float norm = this.norms[column];
        if (!(norm >= 0 && norm <= Float.MAX_VALUE)) {
          throw new IllegalArgumentException(
              "norms: expected finite numbers of at least 0, found %s for column %d"
                  .formatted(norm, column));
        }
        zero &= norm == 0;
      }
      allZero = zero;
    }

    /** {@return a copy of the norms} */
    public float[] norms() {
      return norms.clone();
    }

    /** {@return the number of columns that there is a norm for} */
    public int columns() {
      return norms.length;
    }

    /** {@return whether no score tells weights apart: there are norms, and all are zero} */
    public boolean isAllZero() {
      return allZero;
    }

    @Override
    public String toString() {
      return "Wanda[%d columns]".formatted(norms.length);
    }
  }

  /** |W| alone. */
  final class Magnitude implements Criterion {
    private static final Magnitude ONLY = new Magnitude();

    private Magnitude() {}

    @Override
    public String toString() {
      return "Magnitude";
    }
  }
}
