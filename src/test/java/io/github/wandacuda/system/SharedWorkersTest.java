package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.CancelledException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tasks of many callers, shared out to whoever comes. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedWorkersTest {
  @AutoClose private final ExecutorService executor = Executors.newFixedThreadPool(3);

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await(30, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void eachTaskIsDoneOnceByWorkersOfTheirOwnNumber() throws Exception {
    SharedWorkers workers = new SharedWorkers(4, executor);
    assertThat(workers.count()).isEqualTo(4);
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int call = 0; call < 2000; call++) {
        calls.add(callers.submit(() -> checkOneCall(workers)));
      }
      for (Future<?> call : calls) {
        call.get();
      }
    }
  }

  private static void checkOneCall(SharedWorkers workers) {
    AtomicIntegerArray done = new AtomicIntegerArray(50);
    AtomicIntegerArray busy = new AtomicIntegerArray(4);
    workers.run(
        50,
        (worker, task) -> {
          assertThat(busy.incrementAndGet(worker)).isEqualTo(1);
          done.incrementAndGet(task);
          busy.decrementAndGet(worker);
        });
    for (int task = 0; task < 50; task++) {
      assertThat(done.get(task)).isEqualTo(1);
    }
  }

  @Test
  void asManyWorkAtOnceAsThereAreWorkers() {
    CyclicBarrier all = new CyclicBarrier(4);
    new SharedWorkers(4, executor).run(4, (worker, task) -> await(all));
    CyclicBarrier two = new CyclicBarrier(2);
    new SharedWorkers(2, executor).run(8, (worker, task) -> await(two));
  }

  @Test
  void noMoreHelpersAreCalledThanThereAreTasks() {
    AtomicInteger called = new AtomicInteger();
    SharedWorkers workers = new SharedWorkers(9, work -> called.incrementAndGet());
    workers.run(1, (worker, task) -> {});
    assertThat(called).hasValue(0);
    workers.run(5, (worker, task) -> {});
    assertThat(called).as("helpers that don't come call no others").hasValue(1);
  }

  @Test
  void lateHelpersFindNothing() {
    List<Runnable> queued = new ArrayList<>();
    SharedWorkers workers = new SharedWorkers(2, queued::add);
    AtomicInteger done = new AtomicInteger();
    workers.run(5, (worker, task) -> done.incrementAndGet());
    queued.forEach(Runnable::run);
    assertThat(done).hasValue(5);
    assertThat(queued).hasSize(1);
  }

  @Test
  void theFirstFailureComesOutOnceAllHaveStopped() {
    AtomicInteger working = new AtomicInteger();
    assertThatThrownBy(
            () ->
                new SharedWorkers(4, executor)
                    .run(
                        100,
                        (worker, task) -> {
                          working.incrementAndGet();
                          try {
                            if (task == 10) {
                              throw new ArithmeticException("ten");
                            }
                          } finally {
                            working.decrementAndGet();
                          }
                        }))
        .isInstanceOf(ArithmeticException.class)
        .hasMessage("ten");
    assertThat(working).hasValue(0);
    assertThatThrownBy(
            () ->
                new SharedWorkers(4, executor)
                    .run(
                        2,
                        (worker, task) -> {
                          throw new AssertionError("an error");
                        }))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void anInterruptedCallerWaitsForTasksUnderWay() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    AtomicInteger done = new AtomicInteger();
    Thread caller = Thread.currentThread();
    assertThatThrownBy(
            () ->
                new SharedWorkers(2, executor)
                    .run(
                        1000,
                        (worker, task) -> {
                          if (worker != 0) {
                            caller.interrupt();
                            begun.countDown();
                            pause();
                            done.incrementAndGet();
                          } else if (!Thread.currentThread().isInterrupted()) {
                            awaitQuietly(begun);
                          }
                        }))
        .isInstanceOf(CancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    int atTheEnd = done.get();
    assertThat(atTheEnd).isPositive();
    Thread.sleep(50);
    assertThat(done).hasValue(atTheEnd);
  }

  private static void pause() {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(20);
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aTaskMayCallItself() {
    SharedWorkers workers = new SharedWorkers(4, executor);
    AtomicInteger done = new AtomicInteger();
    workers.run(8, (worker, task) -> workers.run(8, (inner, other) -> done.incrementAndGet()));
    assertThat(done).hasValue(64);
  }

  @Test
  void thereIsAtLeastTheCaller() {
    assertThatIllegalArgumentException().isThrownBy(() -> new SharedWorkers(0, executor));
    AtomicInteger done = new AtomicInteger();
    new SharedWorkers(1, Runnable::run)
        .run(
            3,
            (worker, task) -> {
              assertThat(worker).isZero();
              done.addAndGet(1 << task);
            });
    assertThat(done).hasValue(7);
  }
}
