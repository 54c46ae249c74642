package io.github.wandacuda.cluster;

import io.github.wandacuda.error.WandaException;
import java.io.Serializable;

/**
 * How a task has ended. A failure that another try wouldn't cure is a result like any other, so
 * that no engine tries it again or wraps it into failures of its own. One of the two is null.
 */
record TaskOutcome<R extends Serializable>(R result, WandaException failure)
    implements Serializable {
  public static <R extends Serializable> TaskOutcome<R> of(ClusterTask<R> task, ClusterNode node) {
    try {
      return new TaskOutcome<>(task.run(node), null);
    } catch (WandaException e) {
      return new TaskOutcome<>(null, e);
    }
  }

  public R orThrow() {
    if (failure != null) {
      throw failure;
    }
    return result;
  }
}
