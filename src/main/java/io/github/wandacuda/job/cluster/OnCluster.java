package io.github.wandacuda.job.cluster;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.FamilyFile;
import io.github.wandacuda.system.OnFailure;
import java.io.File;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/**
 * A cluster for a run's samples and shards.
 *
 * @param devices what each of its processes opens
 */
public record OnCluster(Cluster cluster, Devices devices) implements AutoCloseable {
  /** Returns this process as a cluster, which the caller closes. */
  public static OnCluster here(Devices devices) {
    return new OnCluster(Clusters.named(Clusters.LOCAL).open(0), devices);
  }

  @Override
  public void close() {
    cluster.close();
  }

  /** Checks that a cluster can do it; {@code masks} says whether masks come from files. */
  public static void check(boolean inPlace, boolean masks) {
    if (inPlace) {
      throw new UsageException("`cluster` and `in-place` exclude each other");
    }
    if (masks) {
      throw new UsageException("`cluster`: masks from files aren't shared out");
    }
  }

  /** Returns what the last bits of samples' results depend on, as one of the processes says. */
  public String arithmetic() {
    List<String> found = new ArrayList<>();
    cluster.run("look at a device", List.of(new DeviceProbe(devices)), found::add);
    return found.get(0);
  }

  /** Checks that a device of this process computes the bits of the others. */
  public void requireSame(Backend own) {
    requireSame(arithmetic(), own.arithmetic(), "this process");
  }

  public static void requireSame(String expected, String found, String node) {
    if (!found.equals(expected)) {
      throw new BackendUnavailableException(
          ErrorDetails.of(node)
              .expected("the bits of the other machines, " + expected, found)
              .hint("choose a `backend` that all of them have"));
    }
  }

  /**
   * What a process of a cluster opens to prune with.
   *
   * @param backend a backend's name, or {@link Backends#AUTO}
   * @param device the device's number within it, or {@link #ALL}, unless the cluster gives out
   *     devices
   * @param threads CPU threads, or {@link #EACH_PROCESSOR}, unless the cluster gives out those
   * @param precision of linear layers, where the backend has more than one
   */
  public record Devices(String backend, int device, int threads, Precision precision)
      implements Serializable {
    /** Stands for all devices. */
    public static final int ALL = -1;

    /** Stands for a thread for each processor that the process may use. */
    public static final int EACH_PROCESSOR = 0;

    /**
     * Opens a model and a device, and returns what is made of them. The arithmetic is what the last
     * bits of the others depend on, or null if any will do.
     */
    public <T> T open(
        SharedSource source,
        ClusterNode node,
        String arithmetic,
        BiFunction<ModelDirectory, Backend, T> use) {
      ModelDirectory model = source.open();
      return OnFailure.close(
          model::close,
          () -> {
            Backend backend = open(node);
            return OnFailure.close(
                backend::close,
                () -> {
                  if (arithmetic != null) {
                    requireSame(arithmetic, backend.arithmetic(), node.name());
                  }
                  return use.apply(model, backend);
                });
          });
    }

    /** Returns how many threads a process has for its tasks. */
    public int count(ClusterNode node) {
      int own = threads == EACH_PROCESSOR ? Runtime.getRuntime().availableProcessors() : threads;
      return node.threads().orElse(own);
    }

    public Backend open(ClusterNode node) {
      int count = count(node);
      int number = node.device().orElse(device);
      return (number == ALL
              ? Backends.openAll(backend, count, precision)
              : Backends.open(backend, number, count, precision))
          .backend();
    }
  }

  /** Asks one process what the last bits of its results depend on. */
  private record DeviceProbe(Devices devices) implements ClusterTask<String> {
    @Override
    public String run(ClusterNode node) {
      try (Backend backend = devices.open(node)) {
        return backend.arithmetic();
      }
    }
  }

  /** A model that all machines of a cluster read, by the same path. */
  public record SharedSource(String path, String family, String sha256) implements Serializable {
    public static SharedSource of(ModelDirectory model) {
      return of(model, SourceDigest.of(model));
    }

    static SharedSource of(ModelDirectory model, String sha256) {
      Path family = model.family();
      return new SharedSource(
          model.path().toAbsolutePath().toString(),
          family == null ? null : family.toAbsolutePath().toString(),
          sha256);
    }

    /** Opens it in another process, where its path has to lead to the same model. */
    public ModelDirectory open() {
      ModelDirectory directory =
          ModelDirectory.open(
              Path.of(path), FamilyFile.read(family == null ? null : Path.of(family)));
      return OnFailure.close(directory::close, () -> checked(directory));
    }

    private ModelDirectory checked(ModelDirectory directory) {
      String found = SourceDigest.of(directory);
      if (!found.equals(sha256)) {
        throw ErrorDetails.file(directory.path())
            .wrong("the same files on every machine, sha256 " + sha256, "others, sha256 " + found);
      }
      return directory;
    }
  }

  /**
   * Directories as the user has named them. Other processes know them by their absolute paths,
   * since they work in directories of their own; what they say is told by the names that the user
   * knows.
   */
  public record GivenPaths(List<Path> directories) {
    public GivenPaths {
      directories = List.copyOf(directories);
    }

    /** Returns a text that begins with a file's path with the path that the user knows. */
    public String in(String text) {
      for (Path given : directories) {
        String absolute = given.toAbsolutePath().toString();
        if (text.startsWith(absolute) && endsName(text, absolute.length())) {
          return given + text.substring(absolute.length());
        }
      }
      return text;
    }

    /**
     * Returns whether a directory's name ends there: with the text, or before a file or a colon.
     */
    private static boolean endsName(String text, int at) {
      return at == text.length() || text.charAt(at) == File.separatorChar || text.charAt(at) == ':';
    }

    /** Returns the same failure of the file that the user knows. */
    public InputException in(InputException failure) {
      ErrorDetails details = failure.details();
      return details.file() == null
          ? failure
          : new InputException(details.in(in(details.file())), failure);
    }
  }
}
