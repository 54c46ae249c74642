package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.WandaException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The line that people read doesn't depend on which process was faster. */
class FirstFailureTest {
  private final List<Integer> done = new ArrayList<>();

  /** Does tasks in the opposite order. */
  private record Backwards(Cluster cluster) implements Cluster {
    @Override
    public String name() {
      return "backwards";
    }

    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> taken) {
      cluster.run(what, tasks.reversed(), taken);
    }

    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
      cluster.close();
    }
  }

  /** Gives its number back, or fails. */
  private record Task(int number, WandaException failure) implements ClusterTask<Integer> {
    @Override
    public Integer run(ClusterNode node) {
      if (failure != null) {
        throw failure;
      }
      return number;
    }
  }

  private static List<Task> tasks(WandaException... failures) {
    return IntStream.range(0, failures.length)
        .mapToObj(number -> new Task(number, failures[number]))
        .toList();
  }

  private void run(List<Task> tasks) {
    try (Cluster cluster = new Backwards(Clusters.named("local").open(0))) {
      FirstFailure.run(cluster, "test", tasks, done::add);
    }
  }

  @Test
  void resultsAreTakenAsTheyCome() {
    run(tasks(null, null, null));
    assertThat(done).containsExactly(2, 1, 0);
  }

  @Test
  void theFirstWrongInputIsTold() {
    List<Task> tasks =
        tasks(
            null,
            new InputException(ErrorDetails.NOWHERE.said("first")),
            null,
            new InputException(ErrorDetails.NOWHERE.said("second")),
            null);
    assertThatThrownBy(() -> run(tasks)).isInstanceOf(InputException.class).hasMessage("first");
    assertThat(done).containsExactly(4, 2, 0);
  }

  /** It is no input's, and nothing else would come of waiting. */
  @Test
  void anotherFailureEndsAllAtOnce() {
    List<Task> tasks =
        tasks(
            new InputException(ErrorDetails.NOWHERE.said("first")),
            null,
            new BackendUnavailableException("gone"),
            null);
    assertThatThrownBy(() -> run(tasks)).hasMessage("gone");
    assertThat(done).containsExactly(3);
  }
}
