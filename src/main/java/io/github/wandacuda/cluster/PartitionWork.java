package io.github.wandacuda.cluster;

import java.io.Serializable;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/** What an executor does with a partition: the one task in it. */
final class PartitionWork<R extends Serializable>
    extends AbstractFunction1<Iterator<ClusterTask<R>>, TaskOutcome<R>> implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ThisExecutor executor;

  PartitionWork(int threads) {
    executor = new ThisExecutor(threads);
  }

  @Override
  public TaskOutcome<R> apply(Iterator<ClusterTask<R>> tasks) {
    return executor.run(tasks.next());
  }
}
