package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.FirstCases;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls that are given up half-way say how far they came, and leave the rest as it was. */
class PruneCancelTest {
  private static final int ROWS = 2000;
  private static final int COLUMNS = 256;
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);
  private static final Pattern DONE = Pattern.compile("cancelled: (\\d+) of 2000 rows (.*)");

  private final WeightMatrix weight = Weights.random(DType.F32, ROWS, COLUMNS, 1);
  private final WeightMatrix source = Weights.copy(weight);
  private final float[] norms = Weights.norms(COLUMNS, 2);

  private Pruner pruner;

  @AfterEach
  void close() {
    assertThat(Thread.interrupted()).as("a flag that is left").isFalse();
    pruner.close();
  }

  private void open(int threads) {
    pruner = Pruner.builder().backend("cpu").threads(threads).open();
  }

  /** Checks the message, and returns the rows that it says are done. */
  private static int rowsDone(Throwable cancelled, String state) {
    Matcher matcher = DONE.matcher(cancelled.getMessage());
    assertThat(matcher.matches()).as(cancelled.getMessage()).isTrue();
    assertThat(matcher.group(2)).isEqualTo(state);
    return Integer.parseInt(matcher.group(1));
  }

  private int rowsChanged(WeightMatrix now) {
    boolean[][] kept = Weights.kept(source, norms, HALF);
    int changed = 0;
    for (int row = 0; row < ROWS; row++) {
      byte[] bytes = Weights.bytes(now.rows(row, 1));
      if (!Arrays.equals(bytes, Weights.bytes(source.rows(row, 1)))) {
        changed++;
        Weights.check(now.rows(row, 1), source.rows(row, 1), new boolean[][] {kept[row]});
      }
    }
    return changed;
  }

  /**
   * Keeps a helper from doing what is left while the caller, who alone sees the interrupt, has no
   * processor: it has stopped once it waits for its helpers.
   */
  private static void waitUntilItHasStopped(Thread caller) {
    while (caller != Thread.currentThread() && caller.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
  }

  private static CancellationException cancelled(ThrowingCallable call) {
    return catchThrowableOfType(CancellationException.class, call);
  }

  @ParameterizedTest
  @Timeout(60)
  @CsvSource({"1, true", "2, true", "4, true", "1, false", "2, false", "4, false"})
  @FirstCases(2)
  void anInterruptOrTheCallersOwnCancellationLeavesTheRest(int threads, boolean interrupts) {
    open(threads);
    Thread caller = Thread.currentThread();
    AtomicBoolean stop = new AtomicBoolean();
    PruneOptions options =
        PruneOptions.DEFAULT
            .withCancellation(stop::get)
            .withProgress(
                (done, total) -> {
                  if (done > 300) {
                    stop.set(!interrupts);
                    if (interrupts) {
                      caller.interrupt();
                      waitUntilItHasStopped(caller);
                    }
                  }
                });
    CancellationException cancelled =
        cancelled(() -> pruner.prune(weight, Criterion.wanda(norms), HALF, options));
    assertThat(Thread.interrupted()).as("stays interrupted").isEqualTo(interrupts);
    int done = rowsDone(cancelled, "are pruned, the others are as they were");
    assertThat(done).isBetween(301, ROWS - 1).isEqualTo(rowsChanged(weight));
  }

  @Test
  void otherCallsSayWhatIsWritten() {
    open(2);
    AtomicBoolean stop = new AtomicBoolean();
    PruneOptions options =
        PruneOptions.DEFAULT
            .withCancellation(stop::get)
            .withProgress((done, total) -> stop.set(true));
    WeightMatrix destination = Weights.copy(source);
    CancellationException cancelled =
        cancelled(() -> pruner.prune(source, destination, Criterion.wanda(norms), HALF, options));
    assertThat(rowsDone(cancelled, "of the destination are written"))
        .isEqualTo(rowsChanged(destination));
    stop.set(false);
    Mask mask = Mask.allocate(ROWS, COLUMNS);
    cancelled = cancelled(() -> pruner.mask(source, mask, Criterion.wanda(norms), HALF, options));
    assertThat((long) rowsDone(cancelled, "of the mask are written") * COLUMNS / 2)
        .isPositive()
        .isEqualTo(mask.pruned());
  }

  @Test
  void aCallThatIsCancelledFromTheFirstDoesNothing() {
    open(2);
    PruneOptions options = PruneOptions.DEFAULT.withCancellation(() -> true);
    for (PruneOptions each : new PruneOptions[] {options, options.withWeightsChecked(true)}) {
      CancellationException cancelled =
          cancelled(() -> pruner.prune(weight, Criterion.magnitude(), HALF, each));
      assertThat(rowsDone(cancelled, "are pruned, the others are as they were")).isZero();
    }
    Thread.currentThread().interrupt();
    WeightMatrix tiny = weight.rows(0, 2);
    CancellationException cancelled =
        cancelled(() -> pruner.prune(tiny, Criterion.magnitude(), HALF));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(cancelled).hasMessageStartingWith("cancelled: 0 of 2 rows");
    assertThat(rowsChanged(weight)).isZero();
  }

  @Test
  void anInterruptOfTheLastRowsComesTooLate() {
    open(1);
    Thread caller = Thread.currentThread();
    PruneOptions options =
        PruneOptions.DEFAULT.withProgress(
            (done, total) -> {
              if (done == total) {
                caller.interrupt();
              }
            });
    assertThat(pruner.prune(weight, Criterion.wanda(norms), HALF, options).pruned())
        .isEqualTo((long) ROWS * COLUMNS / 2);
    assertThat(Thread.interrupted()).isTrue();
  }
}
