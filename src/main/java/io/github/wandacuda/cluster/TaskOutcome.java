package io.github.wandacuda.cluster;

import io.github.wandacuda.error.WandaException;
import java.io.Serializable;

/**
 * How a task has ended. A failure that another try wouldn't cure is a result like any other, so
 * that no engine tries it again or wraps it into failures of its own.
 *
 * @param result null if the task failed
 * @param failure null if it succeeded
 */
record TaskOutcome<R extends Serializable>(R result, WandaException failure)
    implements Serializable {
  /**
   * Runs a task and returns how it ended. An exception that isn't a {@link WandaException} goes on,
   * since another try may cure it.
   */
  public static <R extends Serializable> TaskOutcome<R> of(ClusterTask<R> task, ClusterNode node) {
    try {
      return new TaskOutcome<>(task.run(node), null);
    } catch (WandaException e) {
      return new TaskOutcome<>(null, e);
    }
  }

  /**
   * Returns the result.
   *
   * @throws WandaException the failure, if the task failed
   */
  public R orThrow() {
    if (failure != null) {
      throw failure;
    }
    return result;
  }
}
