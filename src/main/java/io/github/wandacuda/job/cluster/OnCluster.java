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
 * @param cluster closed with this
 * @param devices what each of its processes opens
 */
public record OnCluster(Cluster cluster, Devices devices) implements AutoCloseable {
  /**
   * Returns this process as a cluster.
   *
   * @return the caller's to close
   */
  public static OnCluster here(Devices devices) {
    return new OnCluster(Clusters.named(Clusters.LOCAL).open(0), devices);
  }

  @Override
  public void close() {
    cluster.close();
  }

  /**
   * Checks that a run can be done on a cluster.
   *
   * @param inPlace whether the model's own shards are pruned
   * @param masks whether masks come from files
   * @throws io.github.wandacuda.error.UsageException if it can't
   */
  public static void check(boolean inPlace, boolean masks) {
    if (inPlace) {
      throw new UsageException("`cluster` and `in-place` exclude each other");
    }
    if (masks) {
      throw new UsageException("`cluster`: masks from files aren't shared out");
    }
  }

  /** Asks one process on what the last bits of samples' results depend. */
  public String arithmetic() {
    List<String> found = new ArrayList<>();
    cluster.run("look at a device", List.of(new DeviceProbe(devices)), found::add);
    return found.get(0);
  }

  /**
   * Checks that a device of this process computes the same bits as the cluster's.
   *
   * @throws BackendUnavailableException if it doesn't
   */
  public void requireSame(Backend own) {
    requireSame(arithmetic(), own.arithmetic(), "this process");
  }

  /**
   * Checks that two devices compute the same bits.
   *
   * @param expected the arithmetic of the others
   * @param found that of a process
   * @param node the process, for the message
   * @throws BackendUnavailableException if they differ
   */
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
     * Opens a model and a device.
     *
     * @param source the model
     * @param node the process, which may say which device and threads it has
     * @param arithmetic on which the last bits of the other processes' results depend; null if any
     *     will do
     * @param use takes both over
     * @return what {@code use} returns
     * @throws BackendUnavailableException if the device computes other bits
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

    /** Returns how many CPU threads a process has for its tasks. */
    public int count(ClusterNode node) {
      int own = threads == EACH_PROCESSOR ? Runtime.getRuntime().availableProcessors() : threads;
      return node.threads().orElse(own);
    }

    /**
     * Opens the process's device.
     *
     * @return the caller's to close
     */
    public Backend open(ClusterNode node) {
      int count = count(node);
      int number = node.device().orElse(device);
      return (number == ALL
              ? Backends.openAll(backend, count, precision)
              : Backends.open(backend, number, count, precision))
          .backend();
    }
  }

  /** Asks a process on what the last bits of its results depend. */
  private record DeviceProbe(Devices devices) implements ClusterTask<String> {
    @Override
    public String run(ClusterNode node) {
      try (Backend backend = devices.open(node)) {
        return backend.arithmetic();
      }
    }
  }

  /**
   * A model that all machines of a cluster read by the same path.
   *
   * @param path of its directory, absolute
   * @param family the path of the file that describes its family, or null
   * @param sha256 its digest, see {@link io.github.wandacuda.job.record.SourceDigest}
   */
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

    /**
     * Opens the model in another process.
     *
     * @throws InputException if the path doesn't lead to the same model there
     */
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
   * since they have working directories of their own; their messages are translated to the names
   * that the user knows.
   *
   * @param directories as the user has named them
   */
  public record GivenPaths(List<Path> directories) {
    public GivenPaths {
      directories = List.copyOf(directories);
    }

    /** Replaces the path at the beginning of a text by the path that the user knows. */
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
     * Returns whether a directory's name ends at a place of a text: at the text's end, or before a
     * file's name or a colon.
     */
    private static boolean endsName(String text, int at) {
      return at == text.length() || text.charAt(at) == File.separatorChar || text.charAt(at) == ':';
    }

    /** Returns a failure with the path that the user knows. */
    public InputException in(InputException failure) {
      ErrorDetails details = failure.details();
      return details.file() == null
          ? failure
          : new InputException(details.in(in(details.file())), failure);
    }
  }
}
