package io.github.wandacuda.job.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.cluster.KeptStates;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.testing.Pruning;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Runs on a cluster, and what stands in for one. */
public final class ClusterRuns {
  public static final OnCluster.Devices CPU = new OnCluster.Devices("cpu", 0, 2, Precision.DEFAULT);

  private ClusterRuns() {}

  /** Prunes to the request's output, and closes the cluster. */
  public static RunResult prune(Path model, PruneRequest request, Cluster cluster) {
    try (cluster;
        ModelDirectory source = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(1)) {
      return PruneJob.toOutput(source, request)
          .on(new OnCluster(cluster, CPU))
          .run(backend, Progress.NONE, MaskSink.NONE, result -> {});
    }
  }

  public static Cluster local() {
    return Clusters.named("local").open(0);
  }

  /** Returns the names of all parts of a run. */
  public static List<String> parts(int count) {
    return IntStream.rangeClosed(1, count).mapToObj(part -> part + "/" + count).toList();
  }

  /** Runs all parts at once, and waits for their ends. */
  public static void atOnce(int count, Consumer<String> part) throws Exception {
    try (var threads = Executors.newFixedThreadPool(count)) {
      CountDownLatch ready = new CountDownLatch(count);
      List<Future<?>> running = new ArrayList<>();
      for (String own : parts(count)) {
        running.add(
            threads.submit(
                () -> {
                  ready.countDown();
                  assertThat(ready.await(1, TimeUnit.MINUTES)).isTrue();
                  part.accept(own);
                  return null;
                }));
      }
      for (Future<?> own : running) {
        Object unused = own.get();
      }
    }
  }

  public static void assertUnfinished(Path output) {
    assertThat(UnfinishedRun.isIn(output)).isTrue();
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
  }

  /** A cluster that leaves to another what it doesn't do in a way of its own. */
  public interface Over extends Cluster {
    Cluster cluster();

    @Override
    default String name() {
      return getClass().getSimpleName();
    }

    @Override
    default <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      cluster().run(what, tasks, done);
    }

    @Override
    default <S extends Serializable> KeptStates<S> keep(List<S> states) {
      return cluster().keep(states);
    }

    @Override
    default void close() {
      cluster().close();
    }
  }

  /**
   * Does those of the tasks that a test picks, and ends as if the machine were switched off where
   * it leaves some out; and changes what comes back.
   */
  public record Bent(
      Cluster cluster, UnaryOperator<List<ClusterTask<?>>> pick, UnaryOperator<Object> change)
      implements Over {
    @Override
    @SuppressWarnings("unchecked")
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      List<?> picked = pick.apply(List.copyOf(tasks));
      cluster.run(
          what,
          (List<? extends ClusterTask<R>>) picked,
          (R result) -> done.accept((R) change.apply(result)));
      if (picked.size() < tasks.size()) {
        throw new IllegalStateException("switched off");
      }
    }
  }

  /** Does the tasks that a test picks. */
  public static Cluster picking(UnaryOperator<List<ClusterTask<?>>> pick) {
    return new Bent(local(), pick, UnaryOperator.identity());
  }

  /** Runs something before the tasks. */
  public static Cluster after(Runnable work) {
    return picking(
        tasks -> {
          work.run();
          return tasks;
        });
  }

  /** Changes results on their way. */
  public static Cluster changing(UnaryOperator<Object> change) {
    return new Bent(local(), UnaryOperator.identity(), change);
  }

  /**
   * Several processes, each with its own memory, that share tasks and states out among them. They
   * do what comes last first.
   *
   * @param workers the processes
   */
  public record Several(List<Cluster> workers) implements Cluster {
    public static Several of(int count) {
      return new Several(Stream.generate(ClusterRuns::local).limit(count).toList());
    }

    private <T> List<T> share(int worker, List<T> all) {
      return IntStream.range(0, all.size())
          .filter(index -> index % workers.size() == worker)
          .<T>mapToObj(all::get)
          .toList()
          .reversed();
    }

    @Override
    public String name() {
      return workers.size() + " processes";
    }

    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      for (int worker = workers.size() - 1; worker >= 0; worker--) {
        workers.get(worker).run(what, share(worker, List.<ClusterTask<R>>copyOf(tasks)), done);
      }
    }

    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      List<KeptStates<S>> parts = new ArrayList<>();
      for (int worker = 0; worker < workers.size(); worker++) {
        parts.add(workers.get(worker).keep(share(worker, states)));
      }
      return new KeptStates<>() {
        @Override
        public <R extends Serializable> void step(
            String what, ClusterStep<S, R> step, Consumer<R> done) {
          parts.reversed().forEach(part -> part.step(what, step, done));
        }

        @Override
        public void close() {
          parts.forEach(KeptStates::close);
        }
      };
    }

    @Override
    public void close() {
      workers.forEach(Cluster::close);
    }
  }
}
