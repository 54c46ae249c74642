package io.github.wandacuda.cluster;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.WandaException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Runs tasks so that of several broken inputs the one that comes first in the tasks' order is
 * reported, as on one machine, whichever task was faster.
 */
public final class FirstFailure {
  private FirstFailure() {}

  /**
   * Runs tasks as {@link Cluster#run} does.
   *
   * @param what the tasks do together, for the cluster's own pages
   * @param tasks in the order in which failures are reported
   * @param done called with each task's result once, in any order, on the calling thread
   * @throws InputException the failure of the first task that has a wrong input, once the tasks
   *     before it are done
   */
  public static <R extends Serializable> void run(
      Cluster cluster, String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
    List<Numbered<R>> numbered = new ArrayList<>();
    for (ClusterTask<R> task : tasks) {
      numbered.add(new Numbered<>(numbered.size(), task));
    }
    // The failures of tasks that ended before others whose numbers are lower; null for a task that
    // succeeded.
    Map<Integer, WandaException> failures = new HashMap<>();
    int[] next = {0};
    cluster.run(
        what,
        numbered,
        (Ended<R> ended) -> {
          if (ended.outcome().failure() == null) {
            done.accept(ended.outcome().result());
          }
          failures.put(ended.index(), ended.outcome().failure());
          for (; failures.containsKey(next[0]); next[0]++) {
            WandaException turn = failures.remove(next[0]);
            if (turn != null) {
              throw turn;
            }
          }
        });
  }

  /** A task that knows its number. A wrong input is a result of it, which waits for its turn. */
  private record Numbered<R extends Serializable>(int index, ClusterTask<R> task)
      implements ClusterTask<Ended<R>> {
    @Override
    public Ended<R> run(ClusterNode node) {
      TaskOutcome<R> outcome = TaskOutcome.of(task, node);
      return outcome.failure() instanceof InputException
          ? new Ended<>(index, outcome)
          : new Ended<>(index, new TaskOutcome<>(outcome.orThrow(), null));
    }
  }

  private record Ended<R extends Serializable>(int index, TaskOutcome<R> outcome)
      implements Serializable {}
}
