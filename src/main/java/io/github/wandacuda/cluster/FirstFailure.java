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
 * Of several inputs that are broken, tells of the one that comes first in the tasks' order, as one
 * machine does, whichever was faster.
 */
public final class FirstFailure {
  private FirstFailure() {}

  /**
   * Has tasks done as {@link Cluster#run} does.
   *
   * @param done is given each task's result once, as they come
   * @throws InputException of the first task that has a wrong input, once those before it are done
   */
  public static <R extends Serializable> void run(
      Cluster cluster, String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
    List<Numbered<R>> numbered = new ArrayList<>();
    for (ClusterTask<R> task : tasks) {
      numbered.add(new Numbered<>(numbered.size(), task));
    }
    // Those of tasks that came before their turns; null where there is none.
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

  /** A task that knows its place. Its wrong input is a result, which waits for its turn. */
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
