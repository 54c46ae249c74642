package io.github.wandacuda.cluster;

import com.google.auto.service.AutoService;
import io.github.wandacuda.error.CancelledException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;

/** Offers this process as a cluster, so that a run takes the same steps without one. */
@AutoService(ClusterProvider.class)
public final class LocalClusterProvider implements ClusterProvider {
  @Override
  public String name() {
    return Clusters.LOCAL;
  }

  @Override
  public Cluster open(long besideHeap) {
    return new LocalCluster();
  }

  /**
   * This process, which does one task after the other, each with all threads. Tasks and results are
   * turned into bytes and back, as if they came from another machine.
   */
  private static final class LocalCluster implements Cluster {
    private final ClusterNode node =
        new ClusterNode(
            "this process",
            OptionalInt.empty(),
            OptionalInt.empty(),
            new KeptOpen(),
            () -> Thread.currentThread().isInterrupted());

    @Override
    public String name() {
      return node.name();
    }

    @Override
    public <R extends Serializable> void run(
        String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
      for (ClusterTask<R> task : tasks) {
        CancelledException.throwIfInterrupted();
        done.accept(travelled(TaskOutcome.of(travelled(task), node)).orThrow());
      }
    }

    @Override
    public <S extends Serializable> KeptStates<S> keep(List<S> states) {
      return new Kept<>(states);
    }

    private final class Kept<S extends Serializable> implements KeptStates<S> {
      private final List<S> states;

      Kept(List<S> states) {
        this.states = new ArrayList<>(states.stream().map(LocalCluster::travelled).toList());
      }

      @Override
      public <R extends Serializable> void step(
          String what, KeptStates.ClusterStep<S, R> step, Consumer<R> done) {
        for (int index = 0; index < states.size(); index++) {
          CancelledException.throwIfInterrupted();
          KeptStates.ClusterStep.Stepped<S, R> stepped =
              travelled(step).run(states.get(index), node);
          states.set(index, stepped.state());
          done.accept(travelled(stepped.result()));
        }
      }

      @Override
      public void close() {
        states.clear();
      }
    }

    /** Returns a copy of an object that was written to bytes and read back. */
    @SuppressWarnings({"unchecked", "BanSerializableRead"}) // The bytes were written just before.
    private static <T extends Serializable> T travelled(T object) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
        out.writeObject(object);
        out.flush();
        try (ObjectInputStream in =
            new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
          return (T) in.readObject();
        }
      } catch (IOException | ClassNotFoundException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void close() {
      node.open().close();
    }
  }
}
