package io.github.wandacuda.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.system.Workers.JobQueue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class JobQueueTest {
  /** Notes the tasks that were run. */
  private record Noted(String name, Object resource, int tasks, ConcurrentLinkedQueue<String> runs)
      implements Job {
    Noted(String name, Object resource, int tasks) {
      this(name, resource, tasks, new ConcurrentLinkedQueue<>());
    }

    @Override
    public void run(int worker, int task) {
      runs.add(name + task);
    }
  }

  private static String take(JobQueue queue, int worker) {
    JobQueue.Task task = queue.take(worker);
    return ((Noted) task.job()).name() + task.number();
  }

  @Test
  void oneWorkerTakesAllInOrder() {
    JobQueue queue =
        new JobQueue(List.of(new Noted("a", 1, 2), new Noted("b", 1, 0), new Noted("c", 2, 1)), 1);
    assertThat(queue.tasks()).isEqualTo(3);
    assertThat(List.of(take(queue, 0), take(queue, 0), take(queue, 0)))
        .containsExactly("a0", "a1", "c0");
  }

  @Test
  void workersKeepToDifferentResources() {
    JobQueue queue =
        new JobQueue(
            List.of(
                new Noted("a", "x", 2),
                new Noted("b", "x", 2),
                new Noted("c", "y", 3),
                new Noted("d", "y", 1)),
            2);
    assertThat(take(queue, 0)).isEqualTo("a0");
    assertThat(take(queue, 1)).as("the first of the other resource").isEqualTo("c0");
    assertThat(take(queue, 0)).isEqualTo("a1");
    assertThat(take(queue, 0)).as("its own resource is free").isEqualTo("b0");
    assertThat(take(queue, 1)).isEqualTo("c1");
    assertThat(take(queue, 0)).isEqualTo("b1");
    assertThat(take(queue, 0)).as("nothing is left but the other's job").isEqualTo("c2");
    assertThat(take(queue, 1)).isEqualTo("d0");
  }

  @Test
  void moreWorkersThanResourcesSpreadEvenly() {
    JobQueue queue = new JobQueue(List.of(new Noted("a", "x", 9), new Noted("b", "y", 9)), 4);
    Map<Object, Integer> at = new HashMap<>();
    for (int worker = 0; worker < 4; worker++) {
      at.merge(queue.take(worker).job().resource(), 1, Integer::sum);
    }
    assertThat(at).containsOnly(Map.entry("x", 2), Map.entry("y", 2));
  }

  @Test
  void everyTaskOfEveryJobRunsOnce() {
    Random random = new Random(5);
    for (int count : new int[] {1, 2, 7}) {
      try (Workers workers = new Workers(count)) {
        List<Noted> jobs =
            IntStream.range(0, 60)
                .mapToObj(i -> new Noted(i + ".", random.nextInt(4), random.nextInt(9)))
                .toList();
        workers.run(jobs);
        for (Noted job : jobs) {
          List<String> expected = new ArrayList<>();
          IntStream.range(0, job.tasks()).forEach(task -> expected.add(job.name() + task));
          assertThat(job.runs()).containsExactlyInAnyOrderElementsOf(expected);
        }
      }
    }
  }

  @Test
  void nothingToDoIsFine() {
    try (Workers workers = new Workers(2)) {
      workers.run(List.of());
      workers.run(List.of(new Noted("a", 1, 0)));
    }
  }

  @Test
  void aTaskThatFailsEndsTheRun() {
    Job failing =
        new Job() {
          @Override
          public Object resource() {
            return this;
          }

          @Override
          public int tasks() {
            return 1;
          }

          @Override
          public void run(int worker, int task) {
            throw new IllegalArgumentException("this one");
          }
        };
    Noted late = new Noted("late", "x", 1_000);
    try (Workers workers = new Workers(1)) {
      assertThatThrownBy(() -> workers.run(List.of(failing, late)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("this one");
    }
    assertThat(late.runs()).isEmpty();
  }
}
