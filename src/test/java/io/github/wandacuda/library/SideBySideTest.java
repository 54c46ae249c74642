package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.Thorough;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls of many threads over one pruner, and helpers from every kind of executor. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SideBySideTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  /** How long {@link #aSoakFindsNothing} takes; 60 before a release. */
  private static final long SOAK_SECONDS = Long.getLong("soak.seconds", 2);

  private static Pruner.Builder cpu(int threads) {
    return Pruner.builder().backend("cpu").threads(threads);
  }

  @Test
  @Thorough
  void eightHundredCallsOfFourThreadsGiveTheRightMasks() throws Exception {
    try (Pruner pruner = cpu(3).open()) {
      new ManyCalls(800).run(pruner, 4, 200);
    }
  }

  @Test
  @Thorough
  void aSoakFindsNothing() throws Exception {
    ManyCalls calls = new ManyCalls(1600);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SOAK_SECONDS);
    long rounds = 0;
    try (ExecutorService shared = Executors.newFixedThreadPool(2);
        Pruner pruner = cpu(3).executor(shared).open()) {
      while (System.nanoTime() < end) {
        calls.run(pruner, 4, 40);
        rounds++;
      }
    }
    assertThat(rounds).isPositive();
  }

  private static Set<Thread> threadsOf(Pruner pruner) {
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    WeightMatrix weight = Weights.random(DType.BF16, 3000, 512, 1);
    PruneOptions options =
        PruneOptions.DEFAULT.withProgress((done, total) -> threads.add(Thread.currentThread()));
    for (int i = 0; i < 20; i++) {
      pruner.prune(weight, Criterion.magnitude(), HALF, options);
    }
    return threads;
  }

  @Test
  void helpersComeFromTheCallersExecutor() {
    Set<Thread> made = ConcurrentHashMap.newKeySet();
    try (ExecutorService executor =
            Executors.newFixedThreadPool(
                3,
                work -> {
                  Thread thread = new Thread(work);
                  made.add(thread);
                  return thread;
                });
        Pruner pruner = cpu(3).executor(executor).open()) {
      Set<Thread> seen = threadsOf(pruner);
      assertThat(seen).hasSizeGreaterThan(1);
      seen.remove(Thread.currentThread());
      assertThat(made).containsAll(seen);
    }
  }

  @Test
  void ownHelpersAreDaemonsAndAsManyAsAskedFor() {
    try (Pruner pruner = cpu(3).open()) {
      assertThat(threadsOf(pruner))
          .hasSizeBetween(2, 3)
          .filteredOn(thread -> thread != Thread.currentThread())
          .allMatch(Thread::isDaemon);
    }
    try (Pruner pruner = cpu(1).open()) {
      assertThat(threadsOf(pruner)).containsExactly(Thread.currentThread());
    }
  }

  @Test
  void aBusyExecutorHoldsNoCallUp() throws Exception {
    CountDownLatch free = new CountDownLatch(1);
    try (ExecutorService executor = Executors.newFixedThreadPool(1)) {
      executor.submit(() -> free.await(60, TimeUnit.SECONDS));
      try (Pruner pruner = cpu(4).executor(executor).open()) {
        assertThat(threadsOf(pruner)).containsExactly(Thread.currentThread());
      }
      free.countDown();
    }
  }

  @Test
  @Thorough
  void anExecutorThatTakesNothingHoldsNoCallUp() throws Exception {
    ExecutorService ended = Executors.newFixedThreadPool(1);
    ended.shutdown();
    Executor rejecting =
        work -> {
          throw new RejectedExecutionException("full");
        };
    for (Executor executor : new Executor[] {ended, rejecting, work -> {}, Runnable::run}) {
      try (Pruner pruner = cpu(4).executor(executor).open()) {
        assertThat(threadsOf(pruner)).containsExactly(Thread.currentThread());
        new ManyCalls(400).run(pruner, 2, 20);
      }
    }
  }

  /** The pruner's threads may be those of the callers themselves. */
  @Test
  @Thorough
  void aCallFromTheExecutorsOnlyThreadEnds() throws Exception {
    try (ExecutorService executor = Executors.newFixedThreadPool(1);
        Pruner pruner = cpu(2).executor(executor).open()) {
      assertThat(executor.submit(() -> threadsOf(pruner)).get(60, TimeUnit.SECONDS)).hasSize(1);
    }
  }

  @Test
  void aTinyMatrixIsTheCallersAlone() {
    Executor none =
        work -> {
          throw new AssertionError("called for help");
        };
    try (Pruner pruner = cpu(4).executor(none).open()) {
      WeightMatrix weight = Weights.random(DType.BF16, 256, 512, 1);
      pruner.prune(weight, Criterion.magnitude(), HALF);
      WeightMatrix larger = Weights.random(DType.BF16, 257, 512, 1);
      assertThatThrownBy(() -> pruner.prune(larger, Criterion.magnitude(), HALF))
          .hasMessage("called for help");
    }
  }

  @Test
  void callsUnderWayAreFinishedWhenThePrunerIsClosed() {
    Pruner pruner = cpu(2).open();
    WeightMatrix weight = Weights.random(DType.F32, 3000, 256, 1);
    WeightMatrix source = Weights.copy(weight);
    float[] norms = Weights.norms(256, 1);
    pruner.prune(
        weight,
        Criterion.wanda(norms),
        HALF,
        PruneOptions.DEFAULT.withProgress((done, total) -> pruner.close()));
    Weights.check(weight, source, Weights.kept(source, norms, HALF));
    assertThatThrownBy(() -> pruner.prune(weight, Criterion.wanda(norms), HALF))
        .hasMessage("the pruner is closed");
  }
}
