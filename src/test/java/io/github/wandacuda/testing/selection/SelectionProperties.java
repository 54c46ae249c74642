package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.random.RandomGenerator;
import net.jqwik.api.Reporter;
import org.opentest4j.MultipleFailuresError;

/** What the properties of all operations of selection share. */
public interface SelectionProperties {
  /** Another one in each run; {@code -Dselection.seed=SEED} draws the same matrices again. */
  long SEED = Long.getLong("selection.seed", System.nanoTime());

  /** Returns the selectors to test, by name. */
  Map<String, Selector> selectors();

  /** Returns of how many of the {@link SmallMatrices} each selector gets those of an operation. */
  int smallMatrices();

  /** Checks the small matrices that one kind of rule prunes. */
  default void checkSmallMatrices(Reporter reporter, Class<? extends SelectionRule> rule) {
    reporter.publishValue("selection.seed", Long.toString(SEED));
    SmallMatrices matrices = new SmallMatrices(SEED);
    each((name, selector) -> matrices.check(name, selector, smallMatrices(), rule));
  }

  /** Checks a matrix of a kind, which lies in any way and goes where another lies in any way. */
  default void check(
      DType dtype,
      Values values,
      Norms norms,
      PlacedMatrix.Layout from,
      PlacedMatrix.Layout to,
      int rows,
      int columns,
      SelectionRule rule,
      long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[][] bits = values.matrix(random, dtype, rows, columns);
    float[] norm = norms.vector(random, columns);
    checkAll(new SelectCase(dtype, bits, columns, norm, rule), from, to);
  }

  /** Checks a matrix of a kind, one row after the other. */
  default void check(
      DType dtype,
      Values values,
      Norms norms,
      int rows,
      int columns,
      SelectionRule rule,
      long seed) {
    PlacedMatrix.Layout dense = PlacedMatrix.Layout.DENSE;
    check(dtype, values, norms, dense, dense, rows, columns, rule, seed);
  }

  /** Checks what all selectors do. */
  default void checkAll(SelectCase selection, PlacedMatrix.Layout from, PlacedMatrix.Layout to) {
    each((name, selector) -> selection.check(name, selector, from, to));
  }

  /** Does the same with each selector, those after one that fails too; the failure names all. */
  default void each(BiConsumer<String, Selector> check) {
    List<Throwable> failures = new ArrayList<>();
    selectors()
        .forEach(
            (name, selector) -> {
              try {
                check.accept(name, selector);
              } catch (AssertionError e) {
                failures.add(new AssertionError(name + ": " + e.getMessage(), e));
              }
            });
    if (!failures.isEmpty()) {
      throw new MultipleFailuresError("selectors are wrong", failures);
    }
  }
}
