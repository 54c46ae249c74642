package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.OutputException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class WorkersTest {
  @ParameterizedTest
  @CsvSource({"1,0", "1,1", "1,50", "2,0", "2,1", "2,1000", "5,3", "5,1000"})
  void everyTaskRunsOnceAndNoWorkerRunsTwoAtATime(int count, int tasks) {
    try (Workers workers = new Workers(count)) {
      for (int repeat = 0; repeat < 20; repeat++) {
        AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
        AtomicIntegerArray busy = new AtomicIntegerArray(count);
        AtomicInteger clashes = new AtomicInteger();
        workers.run(
            tasks,
            (worker, task) -> {
              clashes.addAndGet(busy.getAndIncrement(worker));
              runs.incrementAndGet(task);
              busy.decrementAndGet(worker);
            });
        assertThat(clashes).hasValue(0);
        for (int task = 0; task < tasks; task++) {
          assertThat(runs.get(task)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void workersRunAtTheSameTime() {
    CyclicBarrier all = new CyclicBarrier(3);
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    try (Workers workers = new Workers(3)) {
      workers.run(
          3,
          (worker, task) -> {
            threads.add(Thread.currentThread());
            meet(all);
          });
    }
    assertThat(threads).hasSize(3).contains(Thread.currentThread());
  }

  private static void meet(CyclicBarrier barrier) {
    try {
      barrier.await(30, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void oneWorkerIsTheCaller() {
    try (Workers workers = new Workers(1)) {
      StringBuilder order = new StringBuilder();
      Thread caller = Thread.currentThread();
      workers.run(
          4,
          (worker, task) -> {
            assertThat(Thread.currentThread()).isSameAs(caller);
            order.append(worker).append(task).append(' ');
          });
      assertThat(order).hasToString("00 01 02 03 ");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void theFirstFailureReachesTheCallerAndTheWorkersGoOn(int count) {
    try (Workers workers = new Workers(count)) {
      for (int repeat = 0; repeat < 20; repeat++) {
        AtomicInteger begun = new AtomicInteger();
        IllegalStateException failure = new IllegalStateException("task 3");
        assertThatThrownBy(
                () ->
                    workers.run(
                        1_000_000,
                        (worker, task) -> {
                          begun.incrementAndGet();
                          if (task == 3) {
                            throw failure;
                          }
                        }))
            .isSameAs(failure);
        assertThat(begun.get()).isLessThan(1_000_000);
        AtomicInteger sum = new AtomicInteger();
        workers.run(10, (worker, task) -> sum.addAndGet(task));
        assertThat(sum).hasValue(45);
      }
    }
  }

  @Test
  void anErrorOfAnotherThreadReachesTheCaller() {
    CyclicBarrier both = new CyclicBarrier(2);
    Error failure = new InternalError("a fault");
    try (Workers workers = new Workers(2)) {
      assertThatThrownBy(
              () ->
                  workers.run(
                      2,
                      (worker, task) -> {
                        meet(both);
                        if (worker == 1) {
                          throw failure;
                        }
                      }))
          .isSameAs(failure);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aTaskCannotRunTasks(int count) {
    try (Workers workers = new Workers(count)) {
      assertThatIllegalStateException()
          .isThrownBy(() -> workers.run(2, (w, t) -> workers.run(1, (v, u) -> {})))
          .withMessage("the workers are already at work");
      assertThatCode(() -> workers.run(2, (w, t) -> {})).doesNotThrowAnyException();
    }
  }

  @Test
  void anInterruptIsKeptForLater() {
    try (Workers workers = new Workers(2)) {
      CyclicBarrier both = new CyclicBarrier(2);
      Thread caller = Thread.currentThread();
      AtomicInteger done = new AtomicInteger();
      workers.run(
          2,
          (worker, task) -> {
            meet(both);
            if (worker == 1) {
              caller.interrupt();
              done.incrementAndGet();
            }
          });
      assertThat(Thread.interrupted()).isTrue();
      assertThat(done).hasValue(1);
    }
  }

  @Test
  void whatAnInterruptBroughtAboutIsACancellation() {
    try (Workers workers = new Workers(1)) {
      assertThatThrownBy(
              () ->
                  workers.run(
                      1,
                      (worker, task) -> {
                        Thread.currentThread().interrupt();
                        throw new OutputException("the channel was closed", null);
                      }))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"10,3", "9,3", "1,5", "0,5", "2147483647,2147483646", "2147483647,1073741824"})
  void rangesMakeUpTheWhole(int items, int grain) {
    try (Workers workers = new Workers(1)) {
      AtomicInteger next = new AtomicInteger();
      workers.runRanges(
          items,
          grain,
          (worker, from, to) -> {
            assertThat(from).isEqualTo(next.get());
            assertThat(to - from).isBetween(1, grain);
            next.set(to);
          });
      assertThat(next).hasValue(items);
    }
  }

  @Test
  void closedWorkersEndAndRefuse() throws InterruptedException {
    Workers workers = new Workers(2);
    Thread[] other = new Thread[1];
    CyclicBarrier both = new CyclicBarrier(2);
    workers.run(
        2,
        (worker, task) -> {
          meet(both);
          if (worker == 1) {
            other[0] = Thread.currentThread();
          }
        });
    assertThat(other[0].isDaemon()).isTrue();
    workers.close();
    workers.close();
    other[0].join(30_000);
    assertThat(other[0].isAlive()).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(() -> workers.run(1, (worker, task) -> {}))
        .withMessage("the workers are closed");
    assertThatIllegalArgumentException().isThrownBy(() -> new Workers(0));
  }
}
